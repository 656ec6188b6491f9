import { redirect } from "next/navigation";
import { Notice } from "@/components/ui/ui";
import * as health from "@/lib/onboarding/health";
import { leave } from "../actions";
import { requireAdmin } from "../admin";
import { standOf, TakeBack } from "../take-back";

export const metadata = { title: "Remove this portal" };

export default async function Leave({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ asked?: string; changed?: string }>;
}) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/leave`);
  const { progress, manifest } = subject;
  if (!health.canLeave(subject)) redirect(`/o/${id}/run`);
  const stand = await standOf(subject, progress.departure);
  const { isDone, isInterrupted, isRunning } = stand;
  const review = isRunning || isDone || isInterrupted ? null : await health.reviewDeparture(person);
  const others = isDone ? 0 : await health.othersUnderWay(subject);
  const isKept = progress.undo?.run?.outcome !== "done";
  const waits = Object.values(progress.registrations).some(({ formerKeys = [] }) => formerKeys.length > 0) || progress.removal;
  return (
    <TakeBack
      subject={subject}
      person={person}
      removing={progress.departure}
      stand={stand}
      review={review}
      path="leave"
      // Nothing here starts by an address alone: what it does cannot be taken back by a click.
      query={await searchParams}
      begin={(digest) => leave.bind(null, id, digest)}
      words={{
        aside: "Leave no access behind",
        asideDone: "Removed",
        title: isDone ? "This portal is no longer in your tenant" : "Remove this portal from your tenant",
        lead: isDone
          ? `Read back from ${progress.signedIn?.domain}. ${isKept ? `${manifest.name} is not touched by it and goes on working.` : ""} Whoever signs in here again lets the portal in anew, with nothing but what they consent to.`
          : `The portal's own service principal and everything that was consented to it.${isKept ? ` ${manifest.name} is not touched by it and goes on working.` : ""}`,
        label: "Remove this portal",
        interrupted: "Removing was interrupted. What is gone stays gone; it goes on from there.",
        nothing: ["This portal is not in your tenant any more", "Somebody removed it already, or nothing was ever consented to it."],
      }}
      back={{ href: isKept ? `/o/${id}/run` : `/o/${id}/undo`, label: isDone ? "Back to the onboarding" : "Back, and change nothing" }}
    >
      {!isDone && others > 0 && (
        <Notice
          tone="wait"
          title={`${others} other ${others === 1 ? "onboarding" : "onboardings"} of your tenant ${others === 1 ? "is" : "are"} under way`}
        >
          Nothing of theirs is lost; the next step of each asks for consent anew.
        </Notice>
      )}
      {!isDone && isKept && waits && (
        <Notice tone="wait" title="A secret is still to be removed later">
          The portal removes it when an administrator opens this onboarding. Removed now, the portal would first have to be let in again.
        </Notice>
      )}
      {!isDone && (
        <p className="text-[13px] text-ink-2">
          By hand: entra.microsoft.com, Enterprise applications, this portal&rsquo;s name, Properties, Delete. What the portal recorded
          about this onboarding stays with the vendor; “Compare with my tenant now”, rotation and undoing ask for consent anew.
        </p>
      )}
    </TakeBack>
  );
}
