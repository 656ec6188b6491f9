"use client";

import { useState } from "react";
import { useReady } from "@/components/ui/ready";
import { Notice } from "@/components/ui/ui";
import type { Choices, Manifest, Variable } from "@/lib/catalogue/schema";
import { answerOf, checkVariable } from "@/lib/catalogue/selection";

export type Update = (change: (before: Choices) => Choices) => void;
const optionClass =
  "flex cursor-pointer gap-3 rounded-lg border border-line px-3.5 py-2.5 has-checked:border-accent has-checked:bg-accent-soft";
export const inputClass = "mt-1 block w-full rounded-lg border border-line-strong bg-surface px-3 py-1.5 text-[15px] text-ink";

/** One of several, each with what it means. */
export function Options({
  name,
  legend,
  help,
  options,
  chosen,
  disabled = false,
  onChoose,
}: {
  name: string;
  legend: string;
  help?: string | undefined;
  options: readonly { id: string; title: string; help?: string | undefined }[];
  chosen: string | undefined;
  disabled?: boolean;
  onChoose: (id: string) => void;
}) {
  return (
    <fieldset disabled={disabled} className="mt-3 grid gap-2">
      <legend className="mb-1 font-medium">{legend}</legend>
      {help && <p className="text-[14px] text-ink-2">{help}</p>}
      {options.map((option) => (
        <label key={option.id} className={optionClass}>
          <input
            type="radio"
            name={name}
            value={option.id}
            checked={chosen === option.id}
            className="mt-1"
            onChange={() => onChoose(option.id)}
          />
          <span>
            <span className="block">{option.title}</span>
            {option.help && <span className="block text-[14px] text-ink-2">{option.help}</span>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

export function Question({
  manifest,
  question,
  choices,
  update,
}: {
  manifest: Manifest;
  question: Manifest["questions"][number];
  choices: Choices;
  update: Update;
}) {
  return (
    <Options
      name={`answer.${question.id}`}
      legend={question.title}
      help={question.help}
      options={question.options}
      chosen={answerOf(manifest, choices, question.id)}
      onChoose={(id) => update((before) => ({ ...before, answers: { ...before.answers, [question.id]: id } }))}
    />
  );
}

/** A value to fill in; what is wrong with it is said once the field was left. */
/** `givenBy`: the vendor, when it filled the value in. */
export function VariableField({
  variable,
  givenBy,
  choices,
  update,
}: {
  variable: Variable;
  givenBy: string | undefined;
  choices: Choices;
  update: Update;
}) {
  const [wasLeft, setLeft] = useState(false);
  const { id, title, help, type, required, example } = variable;
  const value = choices.variables[id] ?? "";
  const checked = checkVariable(variable, value);
  const reason = (wasLeft || value !== "") && "reason" in checked ? checked.reason : undefined;
  const common = {
    id: `variable.${id}`,
    name: `variable.${id}`,
    value,
    maxLength: 2000,
    readOnly: givenBy !== undefined,
    autoComplete: "off",
    spellCheck: false,
    placeholder: example,
    className: inputClass,
    "aria-invalid": reason !== undefined && wasLeft,
    "aria-describedby": `${id}-about`,
    onBlur: () => setLeft(true),
    onChange: ({ target }: { target: { value: string } }) =>
      update((before) => ({ ...before, variables: { ...before.variables, [id]: target.value } })),
  };
  return (
    <label htmlFor={`variable.${id}`} className="block font-medium">
      {title}
      {!required && <span className="font-normal text-ink-3"> (optional)</span>}
      {help && <span className="block text-[14px] font-normal text-ink-2">{help}</span>}
      {givenBy && <span className="block text-[13px] font-normal text-ink-3">Filled in by {givenBy}. If it is wrong, tell them.</span>}
      {type === "addresses" ? (
        <textarea rows={3} {...common} />
      ) : (
        <input type="text" inputMode={type === "account" ? "email" : "text"} {...common} />
      )}
      <span id={`${id}-about`} role="status" className="mt-1 block text-[13px] font-normal text-fail empty:hidden">
        {wasLeft ? reason : undefined}
      </span>
    </label>
  );
}

const toPem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${btoa(String.fromCharCode(...der)).replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;

/** Reads the vendor's public certificate here, in the browser, so that a private key in the file is noticed before it leaves. */
export function CertificateField({ pem, onRead }: { pem: string | undefined; onRead: (pem: string | undefined) => void }) {
  const isReady = useReady();
  const [said, setSaid] = useState<{ tone: "fail" | "done"; text: string } | null>(null);
  const read = async (file: File) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = bytes[0] === 0x30 ? toPem(bytes) : new TextDecoder().decode(bytes);
    const refuse = (words: string) => {
      onRead(undefined);
      setSaid({ tone: "fail", text: words });
    };
    if (/PRIVATE KEY/.test(text))
      return refuse(
        `${file.name} holds a private key. It was not uploaded. Whoever gave it to you should make a new key and send the public certificate alone.`,
      );
    const found = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text)?.[0];
    if (!found || bytes.length > 16_000) return refuse(`${file.name} is not a certificate (.cer, .crt or .pem).`);
    const der = Uint8Array.from(atob(found.replaceAll(/-----[^-]+-----|\s/g, "")), (c) => c.charCodeAt(0));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", der));
    const thumbprint = [...digest]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("")
      .toUpperCase();
    onRead(`${found}\n`);
    setSaid({ tone: "done", text: `${file.name}, thumbprint ${thumbprint}` });
  };
  return (
    <div className="space-y-2">
      <label className="block font-medium">
        The vendor’s public certificate
        <span className="block text-[14px] font-normal text-ink-2">
          A .cer, .crt or .pem file. Compare the thumbprint with the one that the vendor tells you by another way.
        </span>
        <input
          type="file"
          disabled={!isReady}
          accept=".cer,.crt,.pem,application/x-x509-ca-cert"
          className="mt-1 block w-full text-[14px]"
          onChange={({ target }) => {
            const [file] = target.files ?? [];
            if (file) void read(file).catch(() => setSaid({ tone: "fail", text: `${file.name} could not be read.` }));
          }}
        />
      </label>
      {pem && <input type="hidden" name="certificate" value={pem} />}
      {pem && !said && <p className="text-[14px] text-ink-2">A certificate is here already; another file takes its place.</p>}
      {said && <Notice live tone={said.tone} title={said.text} />}
    </div>
  );
}
