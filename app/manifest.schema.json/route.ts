import * as catalogue from "@/lib/catalogue/catalogue";

/** The JSON Schema of manifests, for editors. Anybody may read it: it names no customer and no product. */
export const GET = () =>
  new Response(JSON.stringify(catalogue.jsonSchema(), null, 2), {
    headers: {
      "content-type": "application/schema+json; charset=utf-8",
      "access-control-allow-origin": "*",
      "cache-control": "public, max-age=3600",
    },
  });
