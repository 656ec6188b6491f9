

-- AlterTable
ALTER TABLE "Handoff" ADD COLUMN     "challenge" TEXT NOT NULL DEFAULT 'none',
ADD COLUMN     "codeTries" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "recipient" TEXT,
ADD COLUMN     "removes" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "tries" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "verifier" BYTEA,
ADD COLUMN     "verifierEnds" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "HandoffCipher" DROP CONSTRAINT "HandoffCipher_pkey",
ADD CONSTRAINT "HandoffCipher_pkey" PRIMARY KEY ("handoffId", "part", "scheme");

-- AlterTable
ALTER TABLE "Onboarding" ADD COLUMN     "credentialEndsAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "Allowance" (
    "key" TEXT NOT NULL,
    "spent" INTEGER NOT NULL,
    "endsAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Allowance_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "Allowance_endsAt_idx" ON "Allowance"("endsAt");

-- CreateIndex
CREATE INDEX "Onboarding_credentialEndsAt_idx" ON "Onboarding"("credentialEndsAt");

-- Counters are reserved by a conditional update. This catches one that is not.
ALTER TABLE "Handoff" ADD CONSTRAINT "Handoff_tries_check" CHECK ("tries" BETWEEN 0 AND 10 AND "codeTries" BETWEEN 0 AND 5);

-- What was issued before this column existed is reminded of, too.
UPDATE "Onboarding" SET "credentialEndsAt" = (
  SELECT min((r.value->>'secretEndsAt')::timestamptz) FROM jsonb_each("state"->'registrations') AS r
);

ALTER TABLE "Handoff" DROP CONSTRAINT "Handoff_state_check";
ALTER TABLE "Handoff" ADD CONSTRAINT "Handoff_state_check" CHECK ("state" IN ('pending', 'revealed', 'expired', 'revoked', 'locked'));
ALTER TABLE "Handoff" ADD CONSTRAINT "Handoff_challenge_check" CHECK ("challenge" IN ('code', 'passphrase', 'sign-in', 'none'));
