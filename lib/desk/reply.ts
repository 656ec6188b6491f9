/** A reply to a customer who is stuck: what happened, what to do, who can do it. Support copies it and makes it their own. */
import { openFindings, type Progress, type Standing } from "../audit/status.ts";

type Stuck = { customerName: string; expectedDomain: string; product: string; progress: Progress; standing: Standing };

/** What to write, or null when the customer has nothing to do. */
export function suggestedReply({ customerName, expectedDomain, product, progress, standing }: Stuck): string | null {
  const said = situationOf({ expectedDomain, progress, standing });
  if (!said) return null;
  return ["Hello,", "", `about the onboarding of ${product} for ${customerName}:`, "", ...said, "", "Kind regards"].join("\n");
}

function situationOf({ expectedDomain, progress, standing }: Pick<Stuck, "expectedDomain" | "progress" | "standing">): string[] | null {
  const { run, mismatch, approval, consentRefused, handoff } = progress;
  const goOn =
    "Then open the page of the onboarding again, through the link of the invitation. What was done stays; nothing is done twice.";
  const failure = run?.outcome === "done" ? undefined : run?.failure;
  switch (standing.status) {
    case "attention":
    case "provisioning":
      if (failure)
        return [
          failure.message,
          `What to do: ${failure.action}`,
          `Who can: ${failure.who}`,
          ...(failure.requestId ? [`Microsoft's request id: ${failure.requestId}`] : []),
          goOn,
        ];
      if (handoff?.reportedAt)
        return [
          "Our contact says that somebody else opened the one-time link.",
          "Please remove the secret: one press on the page of the onboarding does it.",
        ];
      if (handoff?.failing) return [`Our contact reports: ${handoff.failing.said}`, "What to do stands on the page of the onboarding."];
      if (handoff?.state === "revealed" && openFindings(progress).length > 0)
        return [
          "Something in your tenant is not as it was handed over:",
          ...openFindings(progress).map(({ title, detail }) => `- ${title}. ${detail}`),
          "The page of the onboarding says for each what can be done; what is missing can be made again with one approval.",
        ];
      return standing.status === "attention"
        ? ["The last step did not come to its end.", "Please open the page of the onboarding; it says what is left to do.", goOn]
        : null;
    case "blocked":
      if (consentRefused)
        return [
          "Microsoft's page with the permissions was declined. Nothing was changed.",
          "Please open the plan once more, and accept the permissions that it names.",
          goOn,
        ];
      if (mismatch)
        return [
          `Somebody signed in to the tenant ${mismatch.tenantName}. The invitation is for the tenant that owns ${expectedDomain}.`,
          "Please open the link again and choose an account of that tenant. If it is the wrong domain, tell us the right one.",
        ];
      return null;
    case "invited":
      return [
        "The invitation was not opened yet. It may be in the junk folder; we can send a fresh link.",
        "It takes an administrator of your Microsoft 365 tenant some ten minutes.",
      ];
    case "opened":
      return [
        "The invitation was opened, and nobody signed in yet.",
        `Please sign in with an administrator's account of the tenant that owns ${expectedDomain}.`,
      ];
    case "expired":
      return ["The invitation has expired. We send you a fresh link.", "Nothing was changed in your tenant."];
    case "choosing":
      return ["You are signed in; the next step is to choose the features.", goOn];
    case "planned":
      return ["The plan is ready. Nothing was changed yet: please read it, and approve it if you agree.", goOn];
    case "awaiting_approval":
      return [
        "A part of the plan needs a colleague with a higher role; the rest is done.",
        approval
          ? "The request is on its way to them. They open its link, sign in, and approve exactly that part."
          : "Please ask that colleague from the page of the onboarding: it writes the request for you.",
      ];
    case "ready_for_handoff":
      return ["Everything is set up and proved. One step is left: please send the one-time link from the page of the onboarding.", goOn];
    default:
      return null;
  }
}
