-- Sessions get an id of their own, so that their cookie can change. Everybody signs in again.
DELETE FROM "Session";
ALTER TABLE "Session" DROP CONSTRAINT "Session_pkey",
ADD COLUMN "id" UUID NOT NULL,
ADD CONSTRAINT "Session_pkey" PRIMARY KEY ("id");
CREATE UNIQUE INDEX "Session_digest_key" ON "Session"("digest");
CREATE INDEX "Session_tenantId_objectId_idx" ON "Session"("tenantId", "objectId");
