import { cookies } from "next/headers";
import { config } from "@/lib/config";
import { json, jsonObject, refusalAsJson } from "@/lib/http";
import { openInvitation } from "@/lib/onboarding/invitation";

/** Exchanges the link's token for a cookie that is good for this onboarding's pages only. Anybody may try; the token decides. */
export async function POST(request: Request, { params }: { params: Promise<{ onboarding: string }> }) {
  const { onboarding: id } = await params;
  const token = (await jsonObject(request))?.token;
  if (typeof token !== "string") return json({ code: "http.malformed", message: "The link is not complete." }, 422);
  const opened = await openInvitation(id, token, new Date());
  if (!opened.ok) return refusalAsJson(opened.refusal);
  (await cookies()).set("invitation", token, {
    httpOnly: true,
    secure: config().BASE_URL.startsWith("https:"),
    sameSite: "lax",
    path: `/o/${id}`,
    maxAge: 14 * 86_400,
  });
  return json({ ok: true });
}
