import { findSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { diagnosticsOf } from "@/lib/desk/diagnostics";
import { json } from "@/lib/http";

/** A bundle for engineers, for support of the vendor. */
export async function GET(_: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const now = new Date();
  const support = await findSupport();
  const detail = support && (await desk.find(support, id, now));
  if (!detail) return json({ message: "There is nothing here for you." }, 404);
  const answer = json(diagnosticsOf(detail, now));
  answer.headers.set("content-disposition", `attachment; filename="diagnostics-${id}.json"`);
  return answer;
}
