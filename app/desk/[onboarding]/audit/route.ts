import * as audit from "@/lib/audit/audit";
import { findSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { json } from "@/lib/http";

/** The whole record as JSON, for support. */
export async function GET(_: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const support = await findSupport();
  const detail = support && (await desk.find(support, id, new Date()));
  if (!detail) return json({ message: "There is nothing here for you." }, 404);
  const answer = json(await audit.exported(detail, { product: detail.manifest.id, customer: detail.customerName }));
  answer.headers.set("content-disposition", `attachment; filename="record-${id}.json"`);
  return answer;
}
