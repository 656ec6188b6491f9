// A person with a browser's cookies and no browser: signs in at the sandbox, calls the portal's own server actions, and
// opens a handoff as its page does. What drills and benches drive hundreds of.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { deriveKey, unseal } from "../lib/secret.ts";
import { PORTAL_CLIENT_ID } from "./servers.ts";

export type Place = { baseUrl: string; sandboxUrl: string };

type Manifest = { node: Record<string, { filename: string; exportedName: string }> };
let actionIds: Map<string, string> | undefined;
/** The id under which the build knows a server action. */
function actionId(file: string, name: string): string {
  actionIds ??= new Map(
    Object.entries((JSON.parse(readFileSync(".next/server/server-reference-manifest.json", "utf8")) as Manifest).node).map(
      ([id, { filename, exportedName }]) => [`${filename}#${exportedName}`, id],
    ),
  );
  const id = actionIds.get(`${file}#${name}`);
  if (!id) throw new Error(`The build has no action ${name} in ${file}`);
  return id;
}

const PLAN_SCOPES = [
  "Application.ReadWrite.All",
  "AppRoleAssignment.ReadWrite.All",
  "DelegatedPermissionGrant.ReadWrite.All",
  "User.ReadBasic.All",
];

const agent = new Agent({ keepAlive: true });

export class Visitor {
  #cookies: Map<string, string>;
  readonly #place: Place;
  /** The address that the deployment is known by, which a browser names wherever a balancer sends it. */
  #origin: string;
  /** `cookies` of a browser that went further than a visitor can. */
  constructor(place: Place, cookies: readonly { name: string; value: string }[] = []) {
    this.#place = place;
    this.#origin = place.baseUrl;
    this.#cookies = new Map(cookies.map(({ name, value }) => [name, value]));
  }

  /** The same person at another portal of the same deployment. */
  at(baseUrl: string): Visitor {
    const there = new Visitor({ ...this.#place, baseUrl });
    there.#cookies = this.#cookies;
    there.#origin = this.#origin;
    return there;
  }

  get baseUrl() {
    return this.#place.baseUrl;
  }
  /** What a browser would have to send to be this person. */
  cookies = () => [...this.#cookies].map(([name, value]) => ({ name, value }));

  #cookie = () => [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("cookie", this.#cookie());
    if (init.method === "POST") headers.set("origin", this.#origin);
    if (this.#origin !== this.#place.baseUrl) headers.set("x-forwarded-host", new URL(this.#origin).host);
    const answer = await fetch(`${this.#place.baseUrl}${path}`, { ...init, headers, redirect: "manual" });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";");
      const [name = "", ...rest] = pair.split("=");
      this.#cookies.set(name, rest.join("="));
    }
    return answer;
  }
  /** Takes a page as it comes over the wire, unpacking nothing: what a bench measures is the portal and not its reader. */
  read(path: string): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const headers = { cookie: this.#cookie(), "accept-encoding": "gzip, deflate, br" };
    get(`${this.#place.baseUrl}${path}`, { agent, headers }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
    }).once("error", reject);
    return promise;
  }
  post = (path: string, body: unknown) =>
    this.fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

  /** Calls a server action as its page does: with plain arguments, or with a form after the previous result. */
  async action(
    page: string,
    file: string,
    name: string,
    args: readonly unknown[] | readonly (readonly [string, string])[],
    isForm = false,
  ) {
    const id = actionId(file, name);
    const headers: Record<string, string> = { "next-action": id, accept: "text/x-component" };
    let body: string | FormData;
    if (isForm) {
      body = new FormData();
      for (const [field, value] of args as (readonly [string, string])[]) body.append(`_1_${field}`, value);
      body.append("0", '[null,"$K1"]');
    } else {
      body = JSON.stringify(args);
      headers["content-type"] = "text/plain;charset=UTF-8";
    }
    const answer = await this.fetch(page, { method: "POST", headers, body });
    return { status: answer.status, location: answer.headers.get("x-action-redirect"), text: await answer.text() };
  }

  /** Signs in at the sandbox and opens a session at the portal; an admin consents for the whole tenant. */
  async signIn(userId: string, isAdmin: boolean): Promise<void> {
    const { baseUrl, sandboxUrl } = this.#place;
    const verifier = randomBytes(32).toString("base64url");
    const redirectUri = `${baseUrl}/auth/callback`;
    const scope = `api://${PORTAL_CLIENT_ID}/access openid profile offline_access ${["User.Read", ...(isAdmin ? PLAN_SCOPES : [])].map((name) => `${sandboxUrl}/${name}`).join(" ")}`;
    const page = await (
      await fetch(
        `${sandboxUrl}/organizations/oauth2/v2.0/authorize?${new URLSearchParams({
          client_id: PORTAL_CLIENT_ID,
          response_type: "code",
          redirect_uri: redirectUri,
          scope,
          state: "s",
          nonce: "n",
          response_mode: "fragment",
          code_challenge: createHash("sha256").update(verifier).digest("base64url"),
          code_challenge_method: "S256",
        })}`,
      )
    ).text();
    const request = /name="request" value="([^"]+)"/.exec(page)![1]!;
    const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
      fetch(`${sandboxUrl}${path}`, { method: "POST", body: new URLSearchParams(form), headers, redirect: "manual" });
    let answer = await post("/sandbox/signin", { request, user: userId });
    const cookie = answer.headers.get("set-cookie")!.split(";")[0]!;
    if (answer.status === 200) {
      const consent = { request, user: userId, decision: "accept", ...(isAdmin ? { organization: "yes" } : {}) };
      answer = await post("/sandbox/consent", consent, { cookie });
    }
    const code = new URLSearchParams(answer.headers.get("location")?.split("#")[1] ?? "").get("code");
    if (!code) throw new Error(`The sandbox gave no code: ${await answer.text()}`);
    const token = (await (
      await post(
        "/organizations/oauth2/v2.0/token",
        {
          grant_type: "authorization_code",
          client_id: PORTAL_CLIENT_ID,
          code,
          code_verifier: verifier,
          redirect_uri: redirectUri,
          scope: `api://${PORTAL_CLIENT_ID}/access openid`,
        },
        { origin: baseUrl },
      )
    ).json()) as { access_token: string };
    const opened = await this.post("/api/session", { accessToken: token.access_token });
    if (!opened.ok) throw new Error(`No session: ${await opened.text()}`);
  }
}

const ADMIN_ACTIONS = "app/o/[onboarding]/actions.ts";
const DESK_ACTIONS = "app/desk/actions.ts";
type Fields = readonly (readonly [string, string])[];

export type Wish = {
  productId: string;
  features: readonly string[];
  layout?: "single" | "per-feature";
  offered: readonly string[];
  /** Further fields of the checklist. */
  fields?: Fields;
};

/** Support invites; gives the link. */
export async function invite(support: Visitor, domain: string, { productId, offered }: Wish): Promise<{ id: string; token: string }> {
  const fields: Fields = [
    ["productId", productId],
    ["customerName", domain],
    ["expectedDomain", domain],
    ["adminEmail", `admin@${domain}`],
    ["contactEmail", "maria@cirrus.example"],
    ...offered.map((feature) => ["offered", feature] as const),
  ];
  const { text } = await support.action("/desk/new", DESK_ACTIONS, "invite", fields, true);
  const found = /\/o\/([0-9a-f-]{36})#([\w-]{43})/.exec(text);
  if (!found) throw new Error(`No invitation: ${text.slice(0, 400)}`);
  return { id: found[1]!, token: found[2]! };
}

/** The admin opens the invitation, enters the tenant and chooses; the plan is approved. */
export async function approvePlan(
  admin: Visitor,
  { id, token }: { id: string; token: string },
  wish: Wish,
  onShown?: () => Promise<void>,
): Promise<void> {
  await admin.post(`/o/${id}/open`, { token });
  await admin.action(`/o/${id}/tenant`, ADMIN_ACTIONS, "enter", [["onboarding", id]], true);
  const chosen = await admin.action(
    `/o/${id}/features`,
    ADMIN_ACTIONS,
    "choose",
    [
      ["onboarding", id],
      ...wish.features.map((feature) => ["feature", feature] as const),
      ["layout", wish.layout ?? "single"],
      ...(wish.fields ?? []),
    ],
    true,
  );
  if (!chosen.location) throw new Error(`Not chosen: ${chosen.text.slice(0, 400)}`);
  await approveShown(admin, id, onShown);
}

/** Approves the plan as the page shows it; `onShown` is called between the two. */
export async function approveShown(admin: Visitor, id: string, onShown: () => Promise<void> = async () => {}): Promise<void> {
  const read = async () => (await admin.fetch(`/o/${id}/plan`)).text();
  let plan = await read();
  // What comes first is ticked off before the plan can be approved.
  for (const [, step] of plan.includes('name="digest"') ? [] : plan.matchAll(/name="step" value="([^"]+)"/g))
    await admin.action(
      `/o/${id}/plan`,
      ADMIN_ACTIONS,
      "tick",
      [
        ["onboarding", id],
        ["step", step!],
        ["state", "done"],
        ["note", ""],
      ],
      true,
    );
  if (!plan.includes('name="digest"')) plan = await read();
  const digest = /name="digest" value="([^"]+)"/.exec(plan)?.[1];
  if (!digest) throw new Error(`No plan to approve: ${plan.slice(0, 2000)}`);
  await onShown();
  const approved = await admin.action(
    `/o/${id}/plan`,
    ADMIN_ACTIONS,
    "approve",
    [
      ["onboarding", id],
      ["digest", digest],
    ],
    true,
  );
  if (!approved.location) throw new Error(`Not approved: ${approved.text.slice(0, 400)}`);
}

/** Starts the run or goes on with it; the answer says whether somebody else is at it. */
export const start = (admin: Visitor, id: string) => admin.action(`/o/${id}/run`, ADMIN_ACTIONS, "start", [id, false]);

/** The admin says that a link which asks for nothing is accepted. */
const WITHOUT_CHALLENGE = { challenge: "none", passphrase: "", hours: 72, removes: false, understands: true };

export type Revealed = { applicationId: string; secretValue: string | null; tenantId: string }[];
/** The admin takes the link, and the contact's browser reveals what it carries. */
export async function handOver(admin: Visitor, place: Place, id: string): Promise<Revealed> {
  const { text } = await admin.action(`/o/${id}/run`, ADMIN_ACTIONS, "copyHandoff", [id, WITHOUT_CHALLENGE]);
  const found = /\/h\/([0-9a-f-]{36})#([\w-]{43})/.exec(text);
  if (!found) throw new Error(`No handoff link: ${text.slice(0, 400)}`);
  const [, handoffId = "", encoded = ""] = found;
  const linkKey = Buffer.from(encoded, "base64url");
  const salt = Buffer.from(handoffId);
  const proof = deriveKey(linkKey, salt, "handoff/v1/proof").toString("base64url");
  const answer = await new Visitor(place).post(`/api/h/${handoffId}/reveal`, { proof });
  if (!answer.ok) throw new Error(`Not revealed: ${await answer.text()}`);
  const parts = (await answer.json()) as { boundTo: string; inner: string }[];
  return parts.map(({ boundTo, inner }) =>
    JSON.parse(unseal(deriveKey(linkKey, salt, "handoff/v1/enc"), Buffer.from(inner, "base64url"), boundTo).toString()),
  ) as Revealed;
}

/** What the application may do, from a token that it gets with the revealed secret. */
export async function rolesWith({ sandboxUrl }: Place, values: Revealed[number]): Promise<string[]> {
  const answer = await fetch(`${sandboxUrl}/${values.tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: values.applicationId,
      client_secret: values.secretValue ?? "",
      scope: `${sandboxUrl}/.default`,
    }),
  });
  const { access_token: token, error_description: refusal } = (await answer.json()) as {
    access_token?: string;
    error_description?: string;
  };
  if (!token) throw new Error(`The revealed secret does not work: ${refusal}`);
  return ((JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { roles?: string[] }).roles ?? []).toSorted();
}
