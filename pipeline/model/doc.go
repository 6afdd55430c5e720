// Package model asks chat models, within limits that hold.
//
// A Chat is one provider's way to answer one request; package llm has them. A
// Client stands before it and is what the rest of the house uses. It is one
// concrete type, so that nothing can be left out:
//
//  1. remember: a question whose answer is in the store is not asked again,
//     after a crash neither;
//  2. reserve: the most that the question can cost is taken from the day's
//     budget, in the store, before anything is sent; no budget, no question;
//  3. send: with a timeout, a bound on questions at a time, a breaker per
//     provider (in process: whether a provider answers is news of the minute,
//     nothing to keep), and again after 429, 5xx and broken connections, as
//     Retry-After says or with jittered backoff;
//  4. settle: what was really used is billed, failed attempts too, and the rest
//     of the reservation is given back;
//  5. log: prompt and reply as they were sent (scrubbed of personal data by the
//     caller), usage, latency, money and error, under an id that a record can
//     name.
//
// Questions about many items share steps 2, 4 and 5 in a Group: budget is
// reserved for several at once and 32 are settled in one transaction, or those
// of a second.
//
// Money is whole micro-dollars: 1,000,000 is one US dollar. What a model without a
// price costs is not known and not guessed: it is bounded by tokens alone.
package model
