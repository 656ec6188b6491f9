import * as auth from "@/lib/auth/auth";
import { foreignOrigin, json, jsonObject, refusalAsJson } from "@/lib/http";

/** Opens a session from the browser's token for the portal's own scope. Anybody may try; the token decides. */
export async function POST(request: Request) {
  const foreign = foreignOrigin(request);
  if (foreign) return foreign;
  const accessToken = (await jsonObject(request))?.accessToken;
  if (typeof accessToken !== "string") return json({ code: "http.malformed", message: "An access token is missing." }, 422);
  const opened = await auth.signIn(accessToken, new Date());
  return opened.ok ? json({ ok: true }) : refusalAsJson(opened.refusal);
}

/** Ends the caller's own session. */
export async function DELETE(request: Request) {
  const foreign = foreignOrigin(request);
  if (foreign) return foreign;
  await auth.signOut();
  return json({ ok: true });
}
