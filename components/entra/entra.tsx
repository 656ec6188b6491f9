"use client";

/** Sign-in in the browser: authorization code with PKCE by full-page redirect. Leaves no token behind. */
import type { PublicClientApplication, RedirectRequest } from "@azure/msal-browser";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { ReadyButton } from "@/components/ui/ready";
import { Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";

let client: Promise<PublicClientApplication> | undefined;
/** MSAL is larger than a page: it is fetched when the page stands, and not before. */
function clientOf({ clientId, redirectUri, authority, knownAuthorities, authorityMetadata, cloudDiscoveryMetadata }: BrowserSettings) {
  client ??= import("@azure/msal-browser")
    .then(async ({ PublicClientApplication }) => {
      const instance = new PublicClientApplication({
        auth: { clientId, redirectUri, authority, knownAuthorities, authorityMetadata, cloudDiscoveryMetadata },
        cache: { cacheLocation: "sessionStorage" },
      });
      await instance.initialize();
      return instance;
    })
    .catch((error: unknown) => {
      client = undefined;
      throw error;
    });
  return client;
}

const RETURN_TO = "vestibule.return-to";
/** Only a path of this portal; anything else would be an open redirect. */
const safePath = (path: string | null | undefined) => (path && /^\/(?![/\\])/.test(path) ? path : "/");

/** Where to come back to; whom to suggest; whether the permissions that the plan needs are asked for; what Microsoft wants to see proved. */
export type Ask = { to: string; loginHint?: string; plan?: boolean; claims?: string };

function requestOf(settings: BrowserSettings, { loginHint, plan, claims }: Ask): RedirectRequest {
  return {
    scopes: [settings.apiScope],
    extraScopesToConsent: plan ? settings.planScopes : settings.readScopes,
    ...(claims ? { claims } : {}),
    ...(loginHint ? { loginHint } : { prompt: "select_account" }),
  };
}

async function leave(settings: BrowserSettings, ask: Ask) {
  const instance = await clientOf(settings);
  sessionStorage.setItem(RETURN_TO, ask.to);
  await instance.clearCache();
  await instance.loginRedirect(requestOf(settings, ask));
}

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const NotStarted = ({ failure }: { failure: string }) => (
  <Notice live tone="fail" title="The sign-in could not be started">
    {failure}
  </Notice>
);

/** Signs in, or signs in anew for a fresh token. */
export function SignInButton({
  settings,
  ask,
  children,
  wide = false,
  look,
}: {
  settings: BrowserSettings;
  ask: Ask;
  children: ReactNode;
  wide?: boolean;
  look?: "primary" | "quiet";
}) {
  const [isLeaving, setLeaving] = useState(false);
  const [failure, setFailure] = useState("");
  // By the time that somebody presses, it is there; one that did not arrive is fetched anew then.
  useEffect(() => void clientOf(settings).catch(() => undefined), [settings]);
  return (
    <>
      <ReadyButton
        wide={wide}
        {...(look ? { look } : {})}
        disabled={isLeaving}
        onClick={async () => {
          setLeaving(true);
          try {
            await leave(settings, ask);
          } catch (error) {
            setFailure(wordsOf(error));
            setLeaving(false);
          }
        }}
      >
        {isLeaving ? "Going to Microsoft…" : children}
      </ReadyButton>
      {failure && <NotStarted failure={failure} />}
    </>
  );
}

/** Goes to Microsoft as soon as it is shown, and says so meanwhile. */
export function LeaveForMicrosoft({ settings, ask, children }: { settings: BrowserSettings; ask: Ask; children: ReactNode }) {
  const hasStarted = useRef(false);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    if (hasStarted.current) return;
    hasStarted.current = true;
    leave(settings, ask).catch((error: unknown) => setFailure(wordsOf(error)));
  });
  return failure ? <NotStarted failure={failure} /> : children;
}

type Arrival = { state: "working" } | { state: "refused"; title: string; text: string; who?: string; code?: string; to: string };

/** Where Microsoft sends people back to. */
export function Callback({
  settings,
  explain,
}: {
  settings: BrowserSettings;
  explain: (text: string, to: string) => Promise<{ text: string; who: string; code: string | null }>;
}) {
  const [arrival, setArrival] = useState<Arrival>({ state: "working" });
  const hasStarted = useRef(false);
  useEffect(() => {
    if (hasStarted.current) return;
    hasStarted.current = true;
    const to = safePath(sessionStorage.getItem(RETURN_TO));
    const finish = async () => {
      const { hash } = location;
      const instance = await clientOf(settings);
      const result = await instance.handleRedirectPromise({ hash, navigateToLoginRequestUrl: false });
      if (!result)
        return setArrival({
          state: "refused",
          title: "This sign-in is over",
          text: "It was used already, or started in another window. Start again from where you were.",
          to,
        });
      const answer = await fetch("/api/session", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ accessToken: result.accessToken }),
      });
      await instance.clearCache();
      if (!answer.ok)
        return setArrival({
          state: "refused",
          title: "The portal did not accept this sign-in",
          text: ((await answer.json()) as { message: string }).message,
          to,
        });
      sessionStorage.removeItem(RETURN_TO);
      location.replace(to);
    };
    finish().catch(async (error: unknown) => {
      const text = wordsOf(error);
      const { code, ...words } = await explain(text, to);
      setArrival({ state: "refused", title: "You are not signed in", ...words, ...(code ? { code } : {}), to });
    });
  });
  if (arrival.state === "working") return <Notice live tone="info" title="Finishing your sign-in" />;
  return (
    <Notice live tone="fail" title={arrival.title}>
      <p>{arrival.text}</p>
      {arrival.who && (
        <p className="flex flex-wrap items-center gap-x-2 text-[13px]">
          Who can: {arrival.who}
          {arrival.code && (
            <>
              {" "}
              · <code>{arrival.code}</code>
              <CopyButton text={`${arrival.text} (${arrival.code})`} label="the details" />
            </>
          )}
        </p>
      )}
      <p>
        <a href={arrival.to}>Go back and try again</a>
      </p>
    </Notice>
  );
}
