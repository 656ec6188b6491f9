import { redirect } from "next/navigation";
import * as onboarding from "@/lib/onboarding/onboarding";
import { undo } from "../actions";
import { requireAdmin } from "../admin";
import { standOf, TakeBack } from "../take-back";

export const metadata = { title: "Undo" };

export default async function Undo({
  params,
  searchParams,
}: {
  params: Promise<{ onboarding: string }>;
  searchParams: Promise<{ asked?: string; changed?: string }>;
}) {
  const { onboarding: id } = await params;
  const { person, subject } = await requireAdmin(id, `/o/${id}/undo`);
  const { progress, manifest } = subject;
  const stand = await standOf(subject, progress.undo);
  const { isDone, isInterrupted, isRunning } = stand;
  const review = isRunning || isDone || isInterrupted ? null : await onboarding.reviewUndo(person, subject);
  if (!progress.undo?.run && review === null) redirect(`/o/${id}/run`);
  return (
    <TakeBack
      subject={subject}
      person={person}
      removing={progress.undo}
      stand={stand}
      review={review}
      path="undo"
      // Nothing here starts by an address alone: what it does cannot be taken back.
      query={await searchParams}
      begin={(digest) => undo.bind(null, id, digest)}
      words={{
        aside: "Undo everything",
        asideDone: "Undone",
        title: isDone ? "Everything that this portal made is gone" : "Undo everything this portal did here",
        lead: isDone
          ? `Read back from ${progress.signedIn?.domain}. What was there before ${manifest.name} was set up here is as it was.`
          : "Computed from the record of what was made, and compared with your tenant as it is now. What was there before is left alone.",
        label: "Undo all of this",
        interrupted: "Undoing was interrupted. What is gone stays gone; it goes on from there.",
        nothing: ["There is nothing left to undo in your tenant", "Nothing that this portal made is there."],
      }}
      back={isDone ? { href: `/o/${id}/features`, label: "Set it up anew" } : { href: `/o/${id}/run`, label: "Back, and change nothing" }}
    >
      {progress.handoff && ["sealed", "sent", "opened"].includes(progress.handoff.state) && !isDone && (
        <p className="text-[13px] text-ink-2">The one-time link that the contact has not used yet stops working, too.</p>
      )}
      {isDone && (
        <p>
          <a href={`/o/${id}/leave`}>Remove this portal from your tenant, too</a>
        </p>
      )}
    </TakeBack>
  );
}
