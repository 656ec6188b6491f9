import { Lead, TopBar } from "@/components/onboarding/frame";
import { CodeBlock } from "@/components/ui/code-block";
import { Still } from "@/components/ui/still";
import { Card, Pill } from "@/components/ui/ui";
import { openApi } from "@/lib/api/api";
import { config } from "@/lib/config";

export const metadata = { title: "API" };

type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: string[];
  items?: Schema;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
  description?: string;
  default?: unknown;
};
type Parameter = { name: string; in: string; required?: boolean; description?: string; schema: Schema };
type Operation = {
  summary: string;
  description: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
};

/** The type of a value, in a few words. */
function typeOf(schema: Schema): string {
  if (schema.$ref) return schema.$ref.split("/").at(-1)!;
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  return [[schema.type ?? "object"].flat().join(" or "), schema.format && `(${schema.format})`].filter(Boolean).join(" ");
}

function Fields({ rows }: { rows: readonly (readonly [name: string, schema: Schema, isRequired: boolean, about?: string | undefined])[] }) {
  return (
    <ul className="divide-y divide-line text-[14px]">
      {rows.map(([name, schema, isRequired, about]) => (
        <li key={name} className="grid gap-x-4 gap-y-0.5 py-1.5 sm:grid-cols-[190px_minmax(0,1fr)]">
          <span>
            <code>{name}</code> {isRequired && <span className="text-[12px] text-ink-3">required</span>}
          </span>
          <span className="break-words text-ink-2">
            {typeOf(schema)}
            {schema.default !== undefined && <span className="text-ink-3">, {JSON.stringify(schema.default)} when left out</span>}
            {(about ?? schema.description) && <span className="block">{about ?? schema.description}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}
const fieldsOf = ({ properties = {}, required = [] }: Schema) =>
  Object.entries(properties).map(([name, schema]) => [name, schema, required.includes(name)] as const);

export default function ApiReference() {
  const { paths = {}, components } = openApi();
  const schemas = (components?.schemas ?? {}) as Record<string, Schema>;
  const base = config().BASE_URL;
  return (
    <>
      <Still />
      <TopBar mark="V" title="API" />
      <main className="mx-auto max-w-[860px] px-4 py-7 sm:px-7">
        <h1>API, version 1</h1>
        <Lead>
          For a vendor’s own systems. A manager makes a key at the desk, under Integrations. The same as{" "}
          <a href="/api/v1/openapi.json">OpenAPI 3.1</a>.
        </Lead>
        <CodeBlock label="an example" text={`curl ${base}/api/v1/onboardings -H "Authorization: Bearer vst_…"`} />
        <h2 className="mt-8">What holds everywhere</h2>
        <ul className="mt-2 list-disc space-y-1.5 pl-5 text-ink-2">
          <li>A key sees its vendor’s onboardings and no others: what is another vendor’s answers 404.</li>
          <li>
            A refusal is a problem of RFC 9457 (<code>application/problem+json</code>): <code>code</code> is stable, <code>detail</code> is
            for people.
          </li>
          <li>
            300 requests a minute for each key. <code>RateLimit-Limit</code>, <code>RateLimit-Remaining</code> and{" "}
            <code>RateLimit-Reset</code> (seconds) come with every answer; 429 says <code>Retry-After</code>.
          </li>
          <li>
            Lists come in pages: pass <code>next</code> on as it is. Times are UTC, in ISO 8601.
          </li>
          <li>
            Send an <code>Idempotency-Key</code> when you create: asking again after a lost answer creates nothing anew, and gets the same
            link.
          </li>
        </ul>
        <h2 className="mt-8">Operations</h2>
        {Object.entries(paths).flatMap(([path, methods]) =>
          Object.entries(methods as Record<string, Operation>).map(([method, operation]) => {
            const body = operation.requestBody?.content["application/json"]?.schema;
            const shape = body?.$ref ? schemas[body.$ref.split("/").at(-1)!] : body;
            return (
              <Card key={`${method} ${path}`} className="mt-3.5 p-5">
                <h3 className="flex flex-wrap items-center gap-2 font-semibold">
                  <Pill tone={method === "get" ? "info" : "wait"}>{method.toUpperCase()}</Pill>
                  <code className="break-all">{path}</code>
                </h3>
                <p className="mt-2 font-medium">{operation.summary}</p>
                <p className="mt-1 text-ink-2">{operation.description}</p>
                {operation.parameters && operation.parameters.length > 0 && (
                  <>
                    <p className="mt-3 text-[13px] text-ink-3">Parameters</p>
                    <Fields
                      rows={operation.parameters.map(({ name, schema, required, description }) => [
                        name,
                        schema,
                        required ?? false,
                        description,
                      ])}
                    />
                  </>
                )}
                {shape && (
                  <>
                    <p className="mt-3 text-[13px] text-ink-3">Body, JSON</p>
                    <Fields rows={fieldsOf(shape)} />
                  </>
                )}
                <p className="mt-3 text-[13px] text-ink-3">Answers</p>
                <p className="text-[14px] text-ink-2">
                  {Object.entries(operation.responses)
                    .map(([status, { description, content }]) => {
                      const schema = content?.["application/json"]?.schema;
                      return `${status} ${description}${schema?.$ref ? ` (${typeOf(schema)})` : ""}`;
                    })
                    .join(" · ")}
                </p>
              </Card>
            );
          }),
        )}
        <h2 className="mt-8">Shapes</h2>
        {Object.entries(schemas).map(([name, schema]) => (
          <Card key={name} id={name} className="mt-3.5 p-5">
            <h3 className="mb-1 font-semibold">{name}</h3>
            <Fields rows={fieldsOf(schema)} />
          </Card>
        ))}
        <h2 className="mt-8">Webhooks</h2>
        <p className="mt-2 text-ink-2">
          Every change of status is posted to your addresses, signed as{" "}
          <a href="https://www.standardwebhooks.com/" rel="noreferrer">
            Standard Webhooks
          </a>{" "}
          says: <code>webhook-id</code>, <code>webhook-timestamp</code>, <code>webhook-signature</code>. Answer 2xx within ten seconds;
          anything else is tried again for a day. Messages can arrive twice or out of order: go by <code>webhook-id</code> and{" "}
          <code>data.sequence</code>. An answer of 410 ends a message.
        </p>
        <CodeBlock
          label="a message"
          text={JSON.stringify(
            {
              type: "onboarding.status-changed",
              timestamp: "2026-11-22T10:00:00.000Z",
              data: {
                onboarding: "0b6f1b0e-9a51-4a1c-9d3e-0f7c1c1d2e3f",
                product: "cirrus-connect",
                customer: "Contoso Ltd",
                reference: "CRM-4711",
                status: "live",
                waitingFor: "nobody",
                sequence: 42,
                previousStatus: "handed_off",
              },
            },
            null,
            2,
          )}
        />
      </main>
    </>
  );
}
