// What a naive build does: it looks whether the values are there, then deletes them, then answers. The handoff drill lets
// the same crowd reveal here, and more than one of them must succeed, or the drill proves nothing about the real build.
import { createServer } from "node:http";
import { db } from "../lib/db.ts";

createServer((request, response) => {
  const [, id = ""] = /^\/api\/h\/([0-9a-f-]{36})\/reveal$/.exec(request.url ?? "") ?? [];
  request.resume();
  void (async () => {
    const found = id ? await db().handoffCipher.findFirst({ where: { handoffId: id }, select: { part: true } }) : null;
    if (found) await db().handoffCipher.deleteMany({ where: { handoffId: id } });
    response.writeHead(found ? 200 : 410).end("{}");
  })();
}).listen(Number(process.env.PORT), "127.0.0.1");
