import { Ban, CircleCheck, Clock, Hourglass, MailOpen, PencilLine, Send, TriangleAlert, Undo2, UserRound } from "lucide-react";
import { Pill, type Tone } from "@/components/ui/ui";
import type { Status, WaitingFor } from "@/lib/audit/status";

const STATUS: Record<Status, [word: string, tone: Tone, icon: typeof Clock]> = {
  invited: ["Invited", "plain", Send],
  opened: ["Opened", "plain", MailOpen],
  signed_in: ["Signed in", "plain", UserRound],
  blocked: ["Blocked", "fail", TriangleAlert],
  choosing: ["Choosing features", "plain", PencilLine],
  planned: ["Plan shown", "plain", PencilLine],
  provisioning: ["Provisioning", "info", Hourglass],
  awaiting_approval: ["Awaiting approval", "wait", UserRound],
  attention: ["Needs attention", "fail", TriangleAlert],
  ready_for_handoff: ["Ready to hand over", "wait", Send],
  handed_off: ["Handed over", "info", Send],
  live: ["Live", "done", CircleCheck],
  offboarding: ["Undoing", "info", Undo2],
  offboarded: ["Undone", "plain", Undo2],
  expired: ["Expired", "wait", Clock],
  cancelled: ["Cancelled", "plain", Ban],
};
export const statusWord = (status: Status) => STATUS[status][0];
export function StatusPill({ status }: { status: Status }) {
  const [word, tone, Icon] = STATUS[status];
  return (
    <Pill tone={tone}>
      <Icon size={13} aria-hidden />
      {word}
    </Pill>
  );
}

export const WAITING_FOR: Record<WaitingFor, string> = {
  admin: "Admin of the customer",
  approver: "Approver at the customer",
  contact: "Contact",
  vendor: "You, the vendor",
  microsoft: "Microsoft",
  nobody: "Nobody",
};
