"use client";

import { type FormEvent, startTransition, useActionState, useState } from "react";
import { InvitationText } from "@/components/onboarding/invitation-text";
import { WhenReady } from "@/components/ui/ready";
import { Button, Card } from "@/components/ui/ui";
import type { Manifest } from "@/lib/catalogue/schema";
import { invite } from "../actions";
import { Invited } from "../invited";

export type Offered = Pick<Manifest, "id" | "name" | "summary" | "vendor" | "features" | "handover" | "variables"> & {
  registrations: readonly unknown[];
};
const inputClass = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-2 text-[15px] text-ink";

function Field({
  name,
  label,
  hint,
  ...input
}: { name: string; label: string; hint?: string } & Omit<React.ComponentProps<"input">, "className">) {
  return (
    <label className="block font-medium">
      {label}
      {hint && <span className="block text-[13px] font-normal text-ink-2">{hint}</span>}
      <input name={name} type="text" maxLength={254} autoComplete="off" {...input} className={inputClass} />
    </label>
  );
}

/** A feature, whether it is offered, and whether the admin may leave it out. */
function FeatureChoice({
  feature,
  isOffered,
  isLocked,
  onOffer,
  onLock,
}: {
  feature: Manifest["features"][number];
  isOffered: boolean;
  isLocked: boolean;
  onOffer: (on: boolean) => void;
  onLock: (on: boolean) => void;
}) {
  return (
    <div>
      <label className="flex cursor-pointer gap-3">
        <input
          type="checkbox"
          name="offered"
          value={feature.id}
          checked={isOffered}
          onChange={({ target }) => onOffer(target.checked)}
          className="mt-1 size-4.5 shrink-0"
        />
        <span>
          <span id={`feature-${feature.id}`} className="block font-medium">
            {feature.title}
          </span>
          <span className="block text-[14px] text-ink-2">{feature.summary}</span>
        </span>
      </label>
      {isOffered && (
        <label className="mt-1 ml-7.5 flex w-fit cursor-pointer items-center gap-2 text-[13px] text-ink-2">
          <input
            type="checkbox"
            name="locked"
            value={feature.id}
            checked={isLocked}
            aria-describedby={`feature-${feature.id}`}
            onChange={({ target }) => onLock(target.checked)}
            className="size-4"
          />
          Cannot be left out
        </label>
      )}
    </div>
  );
}

const KNOWN = [
  ["locked", "Shown, not to be changed"],
  ["hidden", "Not on the checklist; the plan shows it"],
] as const;

export function InvitationForm({ products, invitedBy }: { products: Offered[]; invitedBy: string }) {
  const [productId, setProductId] = useState(products[0]?.id ?? "");
  const [customerName, setCustomer] = useState("");
  const [contactEmail, setContact] = useState("");
  const [without, setWithout] = useState<readonly string[]>([]);
  const [locked, setLocked] = useState<readonly string[]>([]);
  const [result, submit, isPending] = useActionState(invite, null);
  const product = products.find(({ id }) => id === productId);
  const toggled = (list: readonly string[], id: string, on: boolean) => (on ? [...list, id] : list.filter((each) => each !== id));
  // Handed over by hand, so that a refusal leaves every field as it was typed.
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    startTransition(() => submit(form));
  };
  return (
    <form onSubmit={onSubmit}>
      <WhenReady className="mt-6 space-y-4">
        <Card className="space-y-4 p-5">
          <label className="block font-medium">
            Product
            <select
              name="productId"
              value={productId}
              onChange={({ target }) => {
                setProductId(target.value);
                setWithout([]);
                setLocked([]);
              }}
              className={inputClass}
            >
              {products.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <Field
            name="customerName"
            label="Customer"
            hint="As the admin knows their own company"
            required
            onChange={({ target }) => setCustomer(target.value)}
          />
          <Field
            name="expectedDomain"
            label="Domain of their tenant"
            hint="Such as contoso.com; signing in to another tenant is refused"
            required
          />
          <Field name="adminEmail" type="email" label="Admin’s e-mail" hint="Gets the invitation" required />
          <Field
            name="contactEmail"
            type="email"
            label="Contact’s e-mail"
            hint="Your colleague who gets the one-time link to the values"
            required
            onChange={({ target }) => setContact(target.value)}
          />
        </Card>
        {product && (
          <Card className="p-5">
            <fieldset key={product.id} className="space-y-2.5">
              <legend className="mb-2 text-[17px] font-semibold">Features offered</legend>
              {product.features.map((feature) => (
                <FeatureChoice
                  key={feature.id}
                  feature={feature}
                  isOffered={!without.includes(feature.id)}
                  isLocked={locked.includes(feature.id)}
                  onOffer={(on) => {
                    setWithout(toggled(without, feature.id, !on));
                    if (!on) setLocked(toggled(locked, feature.id, false));
                  }}
                  onLock={(on) => setLocked(toggled(locked, feature.id, on))}
                />
              ))}
            </fieldset>
          </Card>
        )}
        {product && product.variables.length > 0 && (
          <Card className="p-5">
            <details key={product.id}>
              <summary className="font-semibold">Values that you know already</summary>
              <div className="mt-3 space-y-4">
                {product.variables.map(({ id, title, example }) => (
                  <div key={id} className="grid gap-3 sm:grid-cols-[minmax(0,1fr)_240px]">
                    <Field name={`given.${id}`} label={title} maxLength={2000} placeholder={example} />
                    <label className="block font-medium">
                      For the admin
                      <select name={`shown.${id}`} className={inputClass}>
                        {KNOWN.map(([value, words]) => (
                          <option key={value} value={value}>
                            {words}
                          </option>
                        ))}
                      </select>
                    </label>
                  </div>
                ))}
              </div>
            </details>
          </Card>
        )}
        <Card className="p-5">
          <details>
            <summary className="font-semibold">More: language, days, further contacts, reference</summary>
            <div className="mt-3 grid gap-4 sm:grid-cols-2">
              <label className="block font-medium">
                Language
                <span className="block text-[13px] font-normal text-ink-2">
                  Of the mails that the customer gets; the pages are in English
                </span>
                <select name="language" className={inputClass}>
                  <option value="en">English</option>
                  <option value="de">Deutsch</option>
                </select>
              </label>
              <Field
                name="days"
                type="number"
                label="Days"
                hint="How long the invitation works, 1 to 90"
                min={1}
                max={90}
                defaultValue={14}
              />
              <Field
                name="furtherContacts"
                label="Further contacts"
                hint="By commas, four at most. The admin may send the link to one of them instead"
                maxLength={1200}
              />
              <Field name="reference" label="Your reference" hint="Such as a number in your CRM; found by the search" maxLength={80} />
            </div>
          </details>
        </Card>
        {product && (
          <Card className="p-5">
            <details>
              <summary className="font-semibold">What the admin will see</summary>
              <div data-testid="preview" className="mt-4 rounded-[10px] border border-line bg-paper p-4 sm:p-6">
                <InvitationText
                  heading="h3"
                  manifest={product}
                  customerName={customerName || "…"}
                  invitedBy={invitedBy}
                  contactEmail={contactEmail || "…"}
                  offered={product.features.map(({ id }) => id).filter((id) => !without.includes(id))}
                  locked={locked}
                />
              </div>
            </details>
          </Card>
        )}
        <Button type="submit" disabled={isPending}>
          {isPending ? "Inviting…" : "Invite"}
        </Button>
        <Invited result={result} />
      </WhenReady>
    </form>
  );
}
