import * as audit from "@/lib/audit/audit";
import { findSignedIn } from "@/lib/auth/auth";
import { json } from "@/lib/http";
import { findForAdmin } from "@/lib/onboarding/find";

/** The whole record as JSON, for an admin of the onboarding's tenant. */
export async function GET(_: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const person = await findSignedIn();
  const subject = person && (await findForAdmin(person, id, new Date()));
  if (!subject) return json({ message: "There is nothing here for you." }, 404);
  const answer = json(await audit.exported(subject, { product: subject.manifest.id, customer: subject.customerName }));
  answer.headers.set("content-disposition", `attachment; filename="record-${id}.json"`);
  return answer;
}
