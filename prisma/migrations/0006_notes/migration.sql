-- AlterTable
ALTER TABLE "Onboarding" ADD COLUMN     "owner" TEXT,
ADD COLUMN     "tags" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- CreateTable
CREATE TABLE "Note" (
    "id" BIGSERIAL NOT NULL,
    "onboardingId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "author" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "text" TEXT NOT NULL,

    CONSTRAINT "Note_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Note_onboardingId_at_idx" ON "Note"("onboardingId", "at");

-- CreateIndex
CREATE INDEX "Onboarding_owner_lastEventAt_idx" ON "Onboarding"("owner", "lastEventAt" DESC);

-- CreateIndex
CREATE INDEX "Onboarding_tags_idx" ON "Onboarding" USING GIN ("tags");

-- AddForeignKey
ALTER TABLE "Note" ADD CONSTRAINT "Note_onboardingId_fkey" FOREIGN KEY ("onboardingId") REFERENCES "Onboarding"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

