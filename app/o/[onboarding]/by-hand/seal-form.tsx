"use client";

import { type FormEvent, useState } from "react";
import { firstTerms, TermsFields } from "@/components/onboarding/terms-fields";
import { CodeBlock } from "@/components/ui/code-block";
import { WhenReady } from "@/components/ui/ready";
import { Button, buttonClass, Card, Notice, Time } from "@/components/ui/ui";
import type { HandoffProgress } from "@/lib/audit/status";
import { sealByHand } from "./actions";

type Registration = {
  part: string;
  displayName: string;
  appId: string;
  needsSecret: boolean;
  secretEndsAt: string | null;
  redirectUris: string[];
  certificateThumbprint?: string;
  federatedSubject?: string;
};

const encode = (bytes: ArrayBuffer | Uint8Array) =>
  btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
const utf8 = (text: string) => new TextEncoder().encode(text);

/** Two keys from the link's own: one that opens the values, one that proves to the server that the link is in hand. */
async function derive(linkKey: Uint8Array<ArrayBuffer>, handoff: string, use: string): Promise<ArrayBuffer> {
  const key = await crypto.subtle.importKey("raw", linkKey, "HKDF", false, ["deriveBits"]);
  return crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: utf8(handoff), info: utf8(use) }, key, 256);
}

/** Seals every registration's values here, in the browser, as the page of the handoff opens them. */
async function sealed(registrations: readonly Registration[], tenant: { id: string; name: string }, secrets: Record<string, string>) {
  const id = crypto.randomUUID();
  const linkKey = crypto.getRandomValues(new Uint8Array(32));
  const key = await crypto.subtle.importKey("raw", await derive(linkKey, id, "handoff/v1/enc"), "AES-GCM", false, ["encrypt"]);
  const proofHash = await crypto.subtle.digest("SHA-256", await derive(linkKey, id, "handoff/v1/proof"));
  const parts = await Promise.all(
    registrations.map(async ({ part, appId, needsSecret, secretEndsAt, ...rest }) => {
      const boundTo = `handoff/v1|${id}|${tenant.id}|${appId}|${part}`;
      const payload = {
        ...rest,
        ...{ applicationId: appId, tenantId: tenant.id, tenantName: tenant.name },
        secretValue: needsSecret ? (secrets[part] ?? "").trim() : null,
        secretEndsAt: needsSecret ? secretEndsAt : null,
      };
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const body = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(boundTo) }, key, utf8(JSON.stringify(payload)));
      return { part, boundTo, inner: encode(new Uint8Array([...iv, ...new Uint8Array(body)])) };
    }),
  );
  return { sealed: { id, proofHash: encode(proofHash), parts }, link: `${location.origin}/h/${id}#${encode(linkKey)}` };
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The admin pastes the secret; only ciphertext leaves the browser, and the link is shown once. */
export function SealForm({
  id,
  tenant,
  contact,
  product,
  handoff,
  registrations,
}: {
  id: string;
  tenant: { id: string; name: string };
  /** Null: nobody is named, and the admin gives it to whoever enters the values. */
  contact: string | null;
  product: string;
  handoff: HandoffProgress | null;
  registrations: Registration[];
}) {
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [terms, setTerms] = useState(() => firstTerms(contact !== null));
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const [link, setLink] = useState<string | null>(null);
  const reader = contact ?? "whoever enters the values";
  const asking = registrations.filter(({ needsSecret }) => needsSecret);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const empty = asking.find(({ part }) => !(secrets[part] ?? "").trim());
    const isId = asking.find(({ part }) => GUID.test((secrets[part] ?? "").trim()));
    if (empty) return setRefusal(`${empty.displayName}: paste the secret’s value.`);
    if (isId)
      return setRefusal(
        `${isId.displayName}: this is the Secret ID. The column Value is needed; if it is not shown any more, make a new secret.`,
      );
    setBusy(true);
    const made = await sealed(registrations, tenant, secrets);
    const answer = await sealByHand(id, made.sealed, terms);
    setBusy(false);
    if ("refused" in answer) return setRefusal(answer.refused);
    setRefusal(null);
    setSecrets({});
    setLink(made.link);
  };
  if (link)
    return (
      <Notice live tone="wait" title="This is the only time the link is shown">
        <p>It was made in your browser; this portal does not know it. Give it to {reader} by a way that you trust.</p>
        <div data-testid="handoff-link">
          <CodeBlock text={link} label="the link" />
        </div>
        <p>
          <a
            className={buttonClass({ look: "quiet" })}
            href={`mailto:${encodeURIComponent(contact ?? "")}?subject=${encodeURIComponent(`Values of ${product}`)}&body=${encodeURIComponent(`This link shows the values once:\n\n${link}\n`)}`}
          >
            Open it in my mail program
          </a>
        </p>
      </Notice>
    );
  return (
    <Card className="space-y-3 p-4.5 sm:px-5">
      {handoff && handoff.state !== "revoked" && (
        <p className="text-[14px] text-ink-2">
          A link was given out, <Time at={handoff.at} />:{" "}
          {handoff.state === "revealed" ? "its values were revealed" : `it is ${handoff.state}`}. Sealing anew ends it.
        </p>
      )}
      <form onSubmit={submit} autoComplete="off">
        <WhenReady className="space-y-3">
          {asking.map(({ part, displayName }) => (
            <label key={part} className="block font-medium">
              Secret value of {displayName}
              <span className="block text-[14px] font-normal text-ink-2">
                Sealed in your browser before it leaves. We cannot try it: {reader} does.
              </span>
              <input
                type="password"
                value={secrets[part] ?? ""}
                onChange={({ target }) => setSecrets((before) => ({ ...before, [part]: target.value }))}
                autoComplete="off"
                spellCheck={false}
                maxLength={400}
                className="mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 font-mono text-[14px] text-ink"
              />
            </label>
          ))}
          {asking.length === 0 && <p className="text-ink-2">No secret is needed. The IDs are passed on.</p>}
          <TermsFields terms={terms} change={setTerms} contact={contact} canRemove={false} />
          <Button type="submit" disabled={isBusy}>
            {isBusy ? "Sealing…" : "Seal and show the link"}
          </Button>
          <div role="status" className="empty:hidden">
            {refusal && <Notice tone="fail" title={refusal} />}
          </div>
        </WhenReady>
      </form>
    </Card>
  );
}
