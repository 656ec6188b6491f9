import { Lead, TopBar } from "@/components/onboarding/frame";
import { Act } from "@/components/ui/act";
import { Disclosure } from "@/components/ui/disclosure";
import { buttonClass, Card, Pill, Time } from "@/components/ui/ui";
import { type ApiKey, list as listKeys } from "@/lib/auth/api-keys";
import { requireSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import * as webhooks from "@/lib/desk/webhooks";
import { fieldClass } from "../choice";
import { createKey, createWebhook, removeWebhook, replayDelivery, revokeKey, rotateWebhook, testWebhook } from "./actions";
import { OnceForm } from "./once-form";

export const metadata = { title: "Integrations" };

const SCOPES = [
  ["read", "Read", "Onboardings, their status and timeline"],
  ["write", "Write", "Create, renew and cancel onboardings"],
  ["collect", "Collect", "Fetch the values that an admin released to your system"],
] as const;

function VendorField({ vendors }: { vendors: readonly { id: string; name: string }[] }) {
  return vendors.length === 1 ? (
    <input type="hidden" name="vendor" value={vendors[0]!.id} />
  ) : (
    <label className="text-[13px] text-ink-2">
      Vendor
      <select name="vendor" className={fieldClass}>
        {vendors.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Key({ row, now, mayManage }: { row: ApiKey; now: Date; mayManage: boolean }) {
  const isOver = row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now);
  return (
    <li className="flex flex-wrap items-start justify-between gap-3 py-3 first:pt-0 last:pb-0">
      <div className="min-w-0 text-[14px]">
        <p className="font-medium break-words">
          {row.name} <code>{row.prefix}…</code> {isOver && <Pill tone="plain">{row.revokedAt ? "Revoked" : "Expired"}</Pill>}
        </p>
        <p className="text-[13px] text-ink-2">
          {row.scopes.join(", ")} · {row.vendorId} · made by {row.createdBy}, <Time at={row.createdAt} />
        </p>
        <p className="text-[13px] text-ink-3">
          {row.revokedAt ? (
            <>
              Revoked by {row.revokedBy}, <Time at={row.revokedAt} />
            </>
          ) : (
            <>
              {row.lastUsedAt ? (
                <>
                  Last used <Time at={row.lastUsedAt} />
                </>
              ) : (
                "Never used"
              )}
              ;{" "}
              {row.expiresAt ? (
                <>
                  ends <Time at={row.expiresAt} />
                </>
              ) : (
                "does not end by itself"
              )}
            </>
          )}
        </p>
      </div>
      {mayManage && !isOver && (
        <Act action={revokeKey} fields={{ id: row.id }} look="danger" busy="Revoking…">
          Revoke
        </Act>
      )}
    </li>
  );
}

const STATE: Record<string, ["done" | "wait" | "fail", string]> = {
  delivered: ["done", "Delivered"],
  waiting: ["wait", "Waiting"],
  failed: ["fail", "Given up"],
};
function Deliveries({ rows, mayManage }: { rows: readonly webhooks.Delivery[]; mayManage: boolean }) {
  if (rows.length === 0) return <p className="text-[14px] text-ink-2">Nothing was sent yet.</p>;
  return (
    <ol className="divide-y divide-line" aria-label="Deliveries">
      {rows.map((row) => {
        const [tone, words] = STATE[row.state] ?? ["wait", row.state];
        return (
          <li key={row.id} className="py-2 text-[14px]">
            <details>
              <summary className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <Pill tone={tone}>{words}</Pill>
                <span>{row.type}</span>
                <span className="text-[13px] text-ink-3">
                  <Time at={row.createdAt} />
                </span>
              </summary>
              <div className="mt-2 space-y-2">
                <p className="text-[13px] text-ink-2">
                  <code>{row.messageId}</code>, {row.attempts} {row.attempts === 1 ? "attempt" : "attempts"}
                  {row.lastAt && (
                    <>
                      , the last <Time at={row.lastAt} />
                    </>
                  )}
                  {row.lastStatus !== null && `, answered ${row.lastStatus}`}
                  {row.lastError && `. ${row.lastError}`}
                </p>
                <pre className="overflow-auto rounded-lg bg-sunken p-3 text-ink-2" tabIndex={0}>
                  {JSON.stringify(JSON.parse(row.body), null, 2)}
                </pre>
                {mayManage && (
                  <Act action={replayDelivery} fields={{ id: row.id }} look="quiet" busy="Sending…">
                    Send it again
                  </Act>
                )}
              </div>
            </details>
          </li>
        );
      })}
    </ol>
  );
}

async function Hook({ hook, support, now }: { hook: webhooks.Webhook; support: Awaited<ReturnType<typeof requireSupport>>; now: Date }) {
  const rows = (await webhooks.deliveries(support, hook.id)) ?? [];
  return (
    <li className="space-y-3 py-4 first:pt-0 last:pb-0">
      <div className="text-[14px]">
        <p className="font-medium break-all">{hook.url}</p>
        <p className="text-[13px] text-ink-2">
          {hook.vendorId} · added by {hook.createdBy}, <Time at={hook.createdAt} />
          {hook.formerEndsAt && hook.formerEndsAt > now && (
            <>
              . The former secret signs too until <Time at={hook.formerEndsAt} />
            </>
          )}
        </p>
      </div>
      {support.mayManage && (
        <div className="flex flex-wrap items-start gap-3">
          <Act action={testWebhook} fields={{ id: hook.id }} look="quiet" busy="Sending…">
            Send a test
          </Act>
          <OnceForm
            action={rotateWebhook}
            button="Rotate the secret"
            busy="Rotating…"
            look="quiet"
            shown="The new signing secret, shown only now. The former one signs too for a day"
          >
            <input type="hidden" name="id" value={hook.id} />
          </OnceForm>
          <Act action={removeWebhook} fields={{ id: hook.id }} look="danger" busy="Removing…">
            Remove
          </Act>
        </div>
      )}
      <Disclosure isOpen={rows.some(({ state }) => state === "failed")} summary="What was sent" className="text-[14px] font-medium">
        <div className="mt-2">
          <Deliveries rows={rows} mayManage={support.mayManage} />
        </div>
      </Disclosure>
    </li>
  );
}

export default async function Integrations() {
  const support = await requireSupport("/desk/integrations");
  const now = new Date();
  const vendors = [...new Map(desk.products(support).map(({ vendor }) => [vendor.id, vendor])).values()];
  const [keys, hooks] = support.mayManage ? await Promise.all([listKeys(support), webhooks.list(support)]) : [[], []];
  return (
    <>
      <TopBar mark="V" title="Desk" person={support.username} />
      <main className="mx-auto max-w-[860px] px-4 py-7 sm:px-7">
        <p className="mb-3 text-[14px]">
          <a href="/desk">Onboardings</a>
        </p>
        <h1>Integrations</h1>
        <Lead>
          Your own systems create onboardings, follow them and are told of every change. <a href="/api-reference">What the API can do</a>
        </Lead>
        {!support.mayManage ? (
          <p className="mt-6">API keys and webhooks are for managers. Ask whoever assigns the app roles for Support.Manager.</p>
        ) : (
          <>
            <h2 className="mt-8 mb-2.5">API keys</h2>
            <Card className="space-y-5 p-5">
              {keys.length > 0 && (
                <ul className="divide-y divide-line" aria-label="API keys">
                  {keys.map((row) => (
                    <Key key={row.id} row={row} now={now} mayManage={support.mayManage} />
                  ))}
                </ul>
              )}
              <Disclosure isOpen={keys.length === 0} summary="New API key" className={buttonClass({ look: "quiet" })}>
                <div className="mt-4">
                  <OnceForm
                    action={createKey}
                    button="Make the key"
                    busy="Making…"
                    shown="The key, shown only now: put it into your secret store"
                  >
                    <div className="grid gap-3 sm:grid-cols-2">
                      <label className="text-[13px] text-ink-2">
                        Name
                        <input name="name" required maxLength={80} autoComplete="off" className={fieldClass} />
                      </label>
                      <label className="text-[13px] text-ink-2">
                        Ends after
                        <select name="days" defaultValue="365" className={fieldClass}>
                          <option value="30">30 days</option>
                          <option value="90">90 days</option>
                          <option value="365">A year</option>
                          <option value="never">Not by itself</option>
                        </select>
                      </label>
                      <VendorField vendors={vendors} />
                    </div>
                    <fieldset className="space-y-1.5">
                      <legend className="text-[13px] text-ink-2">Rights</legend>
                      {SCOPES.map(([id, title, help]) => (
                        <label key={id} className="flex items-baseline gap-2 text-[14px]">
                          <input type="checkbox" name="scope" value={id} defaultChecked={id === "read"} className="size-4" />
                          <span>
                            <b className="font-medium">{title}</b> <span className="text-ink-2">{help}</span>
                          </span>
                        </label>
                      ))}
                    </fieldset>
                  </OnceForm>
                </div>
              </Disclosure>
            </Card>
            <h2 className="mt-8 mb-2.5">Webhooks</h2>
            <Card className="space-y-5 p-5">
              <p className="text-[14px] text-ink-2">
                Each change of status as a signed message, by the Standard Webhooks specification. One that is not taken is tried again for
                a day.
              </p>
              {hooks.length > 0 && (
                <ul className="divide-y divide-line" aria-label="Webhooks">
                  {hooks.map((hook) => (
                    <Hook key={hook.id} hook={hook} support={support} now={now} />
                  ))}
                </ul>
              )}
              <Disclosure isOpen={hooks.length === 0} summary="New webhook" className={buttonClass({ look: "quiet" })}>
                <div className="mt-4">
                  <OnceForm
                    action={createWebhook}
                    button="Add the webhook"
                    busy="Adding…"
                    shown="The signing secret, shown only now: your receiver checks signatures with it"
                  >
                    <div className="grid gap-3 sm:grid-cols-2">
                      <label className="text-[13px] text-ink-2 sm:col-span-2">
                        Address
                        <input
                          name="url"
                          required
                          maxLength={1000}
                          placeholder="https://hooks.example.com/vestibule"
                          autoComplete="off"
                          className={fieldClass}
                        />
                      </label>
                      <VendorField vendors={vendors} />
                    </div>
                  </OnceForm>
                </div>
              </Disclosure>
            </Card>
          </>
        )}
      </main>
    </>
  );
}
