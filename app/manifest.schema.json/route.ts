import * as catalogue from "@/lib/catalogue/catalogue";
import { schemaAnswer } from "@/lib/http";

/** The JSON Schema of manifests, for editors. Anybody may read it: it names no customer and no product. */
export const GET = () => schemaAnswer(catalogue.jsonSchema());
