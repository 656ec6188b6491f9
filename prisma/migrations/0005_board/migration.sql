-- AlterTable
ALTER TABLE "Onboarding" ADD COLUMN     "words" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateIndex
CREATE INDEX "Onboarding_lastEventAt_id_idx" ON "Onboarding"("lastEventAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "Onboarding_status_lastEventAt_idx" ON "Onboarding"("status", "lastEventAt" DESC);

-- CreateIndex
CREATE INDEX "Onboarding_waitingSince_id_idx" ON "Onboarding"("waitingSince", "id");

-- CreateIndex
CREATE INDEX "Onboarding_customerName_id_idx" ON "Onboarding"("customerName", "id");

-- CreateIndex
CREATE INDEX "Onboarding_createdAt_id_idx" ON "Onboarding"("createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "Onboarding_expiresAt_id_idx" ON "Onboarding"("expiresAt", "id");


-- Prefixes of words, as the search asks for them.
CREATE INDEX "Onboarding_words_idx" ON "Onboarding" USING gin (array_to_tsvector("words"));

-- Ids of requests, as a customer reads them from an error of Microsoft's or of ours.
CREATE INDEX "AuditEvent_requestId_idx" ON "AuditEvent" (("detail"->>'requestId')) WHERE "detail"->>'requestId' IS NOT NULL;
CREATE INDEX "AuditEvent_clientRequestId_idx" ON "AuditEvent" (("detail"->>'clientRequestId')) WHERE "detail"->>'clientRequestId' IS NOT NULL;

-- What was there before is found, too.
UPDATE "Onboarding" SET "words" = ARRAY(
  SELECT DISTINCT left(word, 60)
  FROM regexp_split_to_table(
    lower(concat_ws(' ', "customerName", "expectedDomain", "adminEmail", "contactEmail", "productId", "tenantId",
      (SELECT string_agg(r.value->>'appId', ' ') FROM jsonb_each("state"->'registrations') AS r))),
    '[^[:alnum:]]+') AS word
  WHERE word <> ''
);

-- CreateTable
CREATE TABLE "Journey" (
    "onboardingId" UUID NOT NULL,
    "vendorId" TEXT NOT NULL,
    "productId" TEXT NOT NULL,
    "invited" TIMESTAMPTZ(3) NOT NULL,
    "opened" TIMESTAMPTZ(3),
    "signedIn" TIMESTAMPTZ(3),
    "planned" TIMESTAMPTZ(3),
    "approved" TIMESTAMPTZ(3),
    "provisioned" TIMESTAMPTZ(3),
    "handedOver" TIMESTAMPTZ(3),
    "live" TIMESTAMPTZ(3),

    CONSTRAINT "Journey_pkey" PRIMARY KEY ("onboardingId")
);

-- CreateIndex
CREATE INDEX "Journey_invited_idx" ON "Journey"("invited");


-- What is known of those that were under way before.
UPDATE "Onboarding" SET "state" = "state" || jsonb_build_object('reached', jsonb_strip_nulls(jsonb_build_object(
  'invited', to_jsonb("createdAt"),
  'opened', "state"->'openedAt',
  'signedIn', "state"->'signedIn'->'at',
  'planned', "state"->'chosenAt',
  'approved', "state"->'approved'->'at',
  'provisioned', CASE WHEN "state"->'run'->>'outcome' = 'done' THEN "state"->'run'->'finishedAt' END,
  'handedOver', "state"->'handoff'->'sentAt',
  'live', "state"->'handoff'->'revealedAt'
)));
INSERT INTO "Journey"
SELECT "id", "vendorId", "productId", "createdAt", (r->>'opened')::timestamptz, (r->>'signedIn')::timestamptz, (r->>'planned')::timestamptz,
       (r->>'approved')::timestamptz, (r->>'provisioned')::timestamptz, (r->>'handedOver')::timestamptz, (r->>'live')::timestamptz
FROM (SELECT "id", "vendorId", "productId", "createdAt", "state"->'reached' AS r FROM "Onboarding") before;
