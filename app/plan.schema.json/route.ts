import { planSchema } from "@/lib/export/export";
import { schemaAnswer } from "@/lib/http";

/** The JSON Schema of exported plans. Anybody may read it: it names no customer and no product. */
export const GET = () => schemaAnswer(planSchema());
