import { findSignedIn } from "@/lib/auth/auth";
import { FORMATS, isFormat } from "@/lib/export/export";
import { blueprintOf } from "@/lib/onboarding/by-hand";
import { findForAdmin } from "@/lib/onboarding/find";

/** The plan in one of its formats, for an admin of the onboarding's tenant. It holds no secret. */
export async function GET(_: Request, { params }: { params: Promise<{ onboarding: string; format: string }> }): Promise<Response> {
  const { onboarding: id, format } = await params;
  const now = new Date();
  const person = await findSignedIn();
  const onboarding = person ? await findForAdmin(person, id, now) : null;
  const plan = onboarding ? blueprintOf(onboarding, now) : null;
  if (!plan || !isFormat(format)) return new Response("Not found", { status: 404 });
  const { file, type, write } = FORMATS[format];
  return new Response(write(plan), {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "content-disposition": `attachment; filename="${plan.manifest.id}-${file}"`,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    },
  });
}
