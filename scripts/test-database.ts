// A database for an integration test file: fresh, migrated, with the settings that lib/config wants.
import { randomUUID } from "node:crypto";
import pg from "pg";
import * as audit from "../lib/audit/audit.ts";
import { databaseAdapter } from "../lib/db.ts";
import type { Found } from "../lib/proof.ts";
import { searchWords } from "../lib/search.ts";
import type { PrismaClient } from "../prisma/client/client.ts";
import { applyMigrations } from "./migrations.ts";
import { newKeyRing } from "./servers.ts";

/** Creates and migrates a database on the server that `npm test` started, and points lib/config at it. */
export async function useDatabase(
  name: string,
): Promise<{ url: string; query: (sql: string) => Promise<Record<string, unknown>[]>; close: () => Promise<void> }> {
  const server = process.env.VESTIBULE_TEST_DATABASE;
  if (!server) throw new Error("Integration tests need a PostgreSQL: run them with `npm run check`");
  const admin = new pg.Client(server);
  await admin.connect();
  await admin.query(`DROP DATABASE IF EXISTS ${name}`);
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(server);
  url.pathname = `/${name}`;
  await applyMigrations(databaseAdapter({ url: url.href, folder: "" }));
  Object.assign(process.env, {
    DATABASE_URL: url.href,
    BASE_URL: "http://localhost:3000",
    AZURE_TENANT_ID: "11111111-1111-4111-8111-111111111111",
    AZURE_CLIENT_ID: "22222222-2222-4222-8222-222222222222",
    AZURE_CLIENT_SECRET: "not-used",
    AZURE_AUTHORITY_HOST: "http://localhost:1",
    GRAPH_URL: "http://localhost:1",
    SMTP_URL: "smtp://localhost:1",
    VESTIBULE_KEYS: newKeyRing(),
  });
  const client = new pg.Client(url.href);
  await client.connect();
  return { url: url.href, query: async (sql) => (await client.query(sql)).rows as Record<string, unknown>[], close: () => client.end() };
}

/** The proof that an onboarding was found for somebody, where a test is everybody. */
export const found = (id: string) => ({ id }) as unknown as Found;

/** A fresh onboarding without anything in it but its first record. */
export async function anOnboarding(client: PrismaClient, now: Date, customerName = "Contoso", productId = "p"): Promise<string> {
  const id = randomUUID();
  await client.$transaction(async (tx) => {
    await tx.onboarding.create({
      data: {
        id,
        vendorId: "v",
        productId,
        customerName,
        expectedDomain: "c.example",
        adminEmail: "a@c.example",
        contactEmail: "c@v.example",
        contacts: ["c@v.example"],
        offered: [],
        inviteDigest: id,
        invitedBy: "S",
        words: searchWords(customerName, "c.example"),
        createdAt: now,
        expiresAt: now,
        ...audit.beginning(id, now),
      },
    });
    const detail = {
      productId,
      manifestVersion: 1,
      customerName,
      expectedDomain: "c.example",
      offered: [],
      expiresAt: now.toISOString(),
    };
    await audit.record(tx, id, { kind: "portal" }, now, { type: "onboarding.created", detail });
  });
  return id;
}
