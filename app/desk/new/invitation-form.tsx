"use client";

import { type FormEvent, startTransition, useActionState, useState } from "react";
import { Button, Card } from "@/components/ui/ui";
import { invite } from "../actions";
import { Invited } from "../invited";

type Product = { id: string; name: string; features: { id: string; title: string; summary: string }[] };
const inputClass = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-2 text-[15px] text-ink";

function Field({ name, label, hint, type = "text" }: { name: string; label: string; hint?: string; type?: string }) {
  return (
    <label className="block font-medium">
      {label}
      {hint && <span className="block text-[13px] font-normal text-ink-2">{hint}</span>}
      <input name={name} type={type} required maxLength={254} autoComplete="off" className={inputClass} />
    </label>
  );
}

export function InvitationForm({ products }: { products: Product[] }) {
  const [productId, setProductId] = useState(products[0]?.id ?? "");
  const [result, submit, isPending] = useActionState(invite, null);
  const product = products.find(({ id }) => id === productId);
  // Handed over by hand, so that a refusal leaves every field as it was typed.
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    startTransition(() => submit(form));
  };
  return (
    <form onSubmit={onSubmit} className="mt-6 space-y-4">
      <Card className="space-y-4 p-5">
        <label className="block font-medium">
          Product
          <select name="productId" value={productId} onChange={({ target }) => setProductId(target.value)} className={inputClass}>
            {products.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Field name="customerName" label="Customer" hint="As the admin knows their own company" />
        <Field name="expectedDomain" label="Domain of their tenant" hint="Such as contoso.com; signing in to another tenant is refused" />
        <Field name="adminEmail" type="email" label="Admin’s e-mail" hint="Gets the invitation" />
        <Field name="contactEmail" type="email" label="Contact’s e-mail" hint="Your colleague who gets the one-time link to the values" />
      </Card>
      {product && (
        <Card className="p-5">
          <fieldset key={product.id} className="space-y-2.5">
            <legend className="mb-2 text-[17px] font-semibold">Features offered</legend>
            {product.features.map((feature) => (
              <label key={feature.id} className="flex cursor-pointer gap-3">
                <input type="checkbox" name="offered" value={feature.id} defaultChecked className="mt-1 size-4.5 shrink-0" />
                <span>
                  <span className="block font-medium">{feature.title}</span>
                  <span className="block text-[14px] text-ink-2">{feature.summary}</span>
                </span>
              </label>
            ))}
          </fieldset>
        </Card>
      )}
      <Button type="submit" disabled={isPending}>
        {isPending ? "Inviting…" : "Invite"}
      </Button>
      <Invited result={result} />
    </form>
  );
}
