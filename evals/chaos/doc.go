// Package chaos breaks data on purpose, to prove that a contract catches what
// it says. A fault is put into a copy of good batches of a feed and delivered to
// a scratch lake and store, never to the live ones; before it is, the detector
// that must notice is named. What happened then is the outcome: found by the
// named detector, by another, or missed; how many faulty batches passed before;
// what a consumer would have read meanwhile; how the breaker came back.
//
// Good batches are the landed files of the feed's last published batches,
// without the rows that the contract rejects. From them a Twin draws batches
// with natural variation, which must not trip anything: the history that the
// faulty batch is judged against, the batches of the recovery, and the clean
// twin of the whole run.
//
// Each experiment works on a feed of its own in the scratch store, with the
// same history, under a clock of its own that advances by the cadence of the
// feed. Its contract is the feed's, but: foreign keys are left out, since the
// feeds that they lead to are not there; keys hold within a batch; nobody is
// asked for approval; rows are no items of a catalog.
//
// A fault comes in three strengths. The strongest must be found; a run in which
// a named detector missed it has failed. The share of all experiments that were
// found by anything is the mutation score of the contract. For each fault whose
// strongest form nothing found, the clause that the contract lacks is proposed
// as a patch, and tried: the fault is run again, and so is the clean twin.
package chaos
