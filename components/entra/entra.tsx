"use client";

/** Sign-in in the browser: authorization code with PKCE by full-page redirect. Leaves no token behind. */
import { PublicClientApplication, type RedirectRequest } from "@azure/msal-browser";
import { MsalProvider, useMsal } from "@azure/msal-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { useReady } from "@/components/ui/ready";
import { Button, Notice } from "@/components/ui/ui";
import type { BrowserSettings } from "@/lib/auth/auth";

let client: PublicClientApplication | undefined;
function clientOf({ clientId, redirectUri, authority, knownAuthorities, authorityMetadata, cloudDiscoveryMetadata }: BrowserSettings) {
  client ??= new PublicClientApplication({
    auth: { clientId, redirectUri, authority, knownAuthorities, authorityMetadata, cloudDiscoveryMetadata },
    cache: { cacheLocation: "sessionStorage" },
  });
  return client;
}

function Entra({ settings, children }: { settings: BrowserSettings; children: ReactNode }) {
  const [instance] = useState(() => (typeof window === "undefined" ? null : clientOf(settings)));
  return instance ? <MsalProvider instance={instance}>{children}</MsalProvider> : null;
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

async function leave(instance: ReturnType<typeof useMsal>["instance"], settings: BrowserSettings, ask: Ask) {
  sessionStorage.setItem(RETURN_TO, ask.to);
  await instance.initialize();
  await instance.clearCache();
  await instance.loginRedirect(requestOf(settings, ask));
}

function SignInInner({
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
  const { instance } = useMsal();
  const [isLeaving, setLeaving] = useState(false);
  const [failure, setFailure] = useState("");
  const isReady = useReady();
  return (
    <>
      <Button
        wide={wide}
        {...(look ? { look } : {})}
        disabled={isLeaving || !isReady}
        onClick={async () => {
          setLeaving(true);
          try {
            await leave(instance, settings, ask);
          } catch (error) {
            setFailure(error instanceof Error ? error.message : String(error));
            setLeaving(false);
          }
        }}
      >
        {isLeaving ? "Going to Microsoft…" : children}
      </Button>
      {failure && (
        <Notice live tone="fail" title="The sign-in could not be started">
          {failure}
        </Notice>
      )}
    </>
  );
}

/** Signs in, or signs in anew for a fresh token. */
export function SignInButton(props: {
  settings: BrowserSettings;
  ask: Ask;
  children: ReactNode;
  wide?: boolean;
  look?: "primary" | "quiet";
}) {
  const [isReady, setReady] = useState(false);
  useEffect(() => setReady(true), []);
  if (!isReady)
    return (
      <Button disabled wide={props.wide ?? false} {...(props.look ? { look: props.look } : {})}>
        {props.children}
      </Button>
    );
  return (
    <Entra settings={props.settings}>
      <SignInInner {...props} />
    </Entra>
  );
}

function LeaveInner({ settings, ask, children }: { settings: BrowserSettings; ask: Ask; children: ReactNode }) {
  const { instance } = useMsal();
  const hasStarted = useRef(false);
  useEffect(() => {
    if (hasStarted.current) return;
    hasStarted.current = true;
    void leave(instance, settings, ask);
  });
  return children;
}
/** Goes to Microsoft as soon as it is shown, and says so meanwhile. */
export function LeaveForMicrosoft(props: { settings: BrowserSettings; ask: Ask; children: ReactNode }) {
  return (
    <Entra settings={props.settings}>
      <LeaveInner {...props} />
    </Entra>
  );
}

type Arrival = { state: "working" } | { state: "refused"; title: string; text: string; who?: string; code?: string; to: string };

/**
 * Where Microsoft sends people back to. Without the provider: that would answer the redirect too, and go back to the
 * page that started it before the session is open.
 */
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
      const instance = clientOf(settings);
      const hash = location.hash;
      await instance.initialize();
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
      const text = error instanceof Error ? error.message : String(error);
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
