import { stringify } from "csv-stringify/sync";
import { wordsOf } from "@/components/onboarding/record-words";
import { statusWord, WAITING_FOR } from "@/components/onboarding/status-pill";
import { findSupport } from "@/lib/auth/auth";
import * as desk from "@/lib/desk/desk";
import { viewFrom } from "@/lib/desk/view";
import { json } from "@/lib/http";

const at = (time: Date | null) => time?.toISOString() ?? "";
const COLUMNS: readonly (readonly [title: string, value: (item: desk.ListItem) => string])[] = [
  ["Onboarding", ({ id }) => id],
  ["Customer", ({ customerName }) => customerName],
  ["Domain", ({ expectedDomain }) => expectedDomain],
  ["Product", ({ product }) => product],
  ["Status", ({ status }) => statusWord(status)],
  ["Waiting for", ({ waitingFor }) => WAITING_FOR[waitingFor]],
  ["Waiting since", ({ waitingSince }) => at(waitingSince)],
  ["Last event", ({ lastEvent }) => wordsOf(lastEvent)],
  ["Last event at", ({ lastEventAt }) => at(lastEventAt)],
  ["Created", ({ createdAt }) => at(createdAt)],
  ["Ends", ({ endsAt }) => at(endsAt)],
  ["Admin", ({ adminEmail }) => adminEmail],
  ["Contact", ({ contactEmail }) => contactEmail],
  ["Owner", ({ owner }) => owner ?? ""],
  ["Tags", ({ tags }) => tags.join(", ")],
  ["Tenant ID", ({ tenantId }) => tenantId ?? ""],
];
/** A cell that begins like a formula is text (OWASP: CSV injection); a spreadsheet reads the bytes as UTF-8. */
const lines = (rows: string[][]) => stringify(rows, { escape_formulas: true, record_delimiter: "windows" });
const BYTE_ORDER_MARK = "\uFEFF";

/** All onboardings of a view as CSV, for support; written while they are read. */
export async function GET(request: Request) {
  const support = await findSupport();
  if (!support) return json({ message: "There is nothing here for you." }, 404);
  const now = new Date();
  const parts = desk.all(support, viewFrom(Object.fromEntries(new URL(request.url).searchParams)), now);
  const text = new TextEncoder();
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(text.encode(BYTE_ORDER_MARK + lines([COLUMNS.map(([title]) => title)]))),
    async pull(controller) {
      const { value, done } = await parts.next();
      if (done) return controller.close();
      controller.enqueue(text.encode(lines(value.map((item) => COLUMNS.map(([, cellOf]) => cellOf(item))))));
    },
    cancel: () => void parts.return(undefined),
  });
  return new Response(stream, {
    headers: {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="onboardings-${now.toISOString().slice(0, 10)}.csv"`,
      "cache-control": "no-store",
    },
  });
}
