-- CreateTable
CREATE TABLE "Ticket" (
    "digest" TEXT NOT NULL,
    "onboardingId" UUID NOT NULL,
    "purpose" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Ticket_pkey" PRIMARY KEY ("digest")
);

-- CreateIndex
CREATE INDEX "Ticket_onboardingId_purpose_idx" ON "Ticket"("onboardingId", "purpose");

-- AddForeignKey
ALTER TABLE "Ticket" ADD CONSTRAINT "Ticket_onboardingId_fkey" FOREIGN KEY ("onboardingId") REFERENCES "Onboarding"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
