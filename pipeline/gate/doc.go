// Package gate judges a file by its contract: it reads the file once, in
// bounded memory, judges every row and the batch, keeps what is good and
// explains what is not.
//
// Compile turns a contract.Feed into a plan: a list of rules, each of which
// becomes one line of the report. Judge cuts the file into chunks of columns
// (package codec) and runs each column's rules over the whole chunk before the
// next column's. Workers judge chunks side by side; what depends on order
// (uniqueness, rejects, accepted rows, samples) happens in the order of the
// file. States of chunks merge without loss, so the report does not depend on
// where the file was cut.
//
// A row is accepted unless a rule with onFail reject_row failed for it, or it
// could not be split. Rows read = accepted + rejected, always. A cell that
// cannot be read as its declared type rejects its row whatever onFail says: it
// could not stand in a typed column.
//
// The verdict says what is true, the decision what happens:
//
//	verdict   failed   a rule of severity error failed, even for one row
//	          warned   only rules of severity warning failed
//	          error    the content could not be judged
//	decision  hold     a rule with onFail fail_batch failed, or more rows were
//	                   rejected than maxRejectRate allows, or verdict error
//	          publish_accepted   rows were rejected
//	          publish
//
// Casts, the same every time: a null is a null word of the dialect (the empty
// cell), a JSON null or an absent key. integer is an optional sign and digits
// that fit 64 bits; number a decimal with an optional exponent, compared
// exactly; boolean true or false, in lower, upper or title case; dates by their
// layouts, timestamps to microseconds in UTC. JSON and Parquet values keep
// their own type: a JSON string is never an integer.
package gate
