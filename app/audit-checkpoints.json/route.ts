import { newestCheckpoints, publicKeys } from "@/lib/audit/checkpoint";

/** The keys that sign checkpoints, and the newest of them. Anybody may keep a copy: it names nobody. */
export async function GET(): Promise<Response> {
  return Response.json(
    { keys: publicKeys(), checkpoints: await newestCheckpoints() },
    { headers: { "access-control-allow-origin": "*", "cache-control": "public, max-age=300" } },
  );
}
