import * as auth from "@/lib/auth/auth";
import { json, jsonObject, refusalAsJson } from "@/lib/http";

/** Opens a session from the browser's token for the portal's own scope. Anybody may try; the token decides. */
export async function POST(request: Request) {
  const accessToken = (await jsonObject(request))?.accessToken;
  if (typeof accessToken !== "string") return json({ code: "http.malformed", message: "An access token is missing." }, 422);
  const opened = await auth.signIn(accessToken, new Date());
  return opened.ok ? json({ ok: true }) : refusalAsJson(opened.refusal);
}

/** Ends the caller's own session; with `?everywhere`, all that this person has in any browser. */
export async function DELETE(request: Request) {
  await auth.signOut(new URL(request.url).searchParams.has("everywhere"));
  return json({ ok: true });
}
