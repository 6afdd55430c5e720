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
// # Ranges
//
// A file that is too large for one process is judged in ranges: Lay cuts it,
// JudgeRange judges one range and leaves a Part on a Shelf, Merge makes one
// report of all parts. What comes out is what Judge gives: the same report, byte
// for byte but for the names of the accepted files, the same rejects, the same
// rows.
//
// A record belongs to the range in which it starts. A range does not know
// whether its first byte stands inside a quoted field: it is read under both
// hypotheses until they meet, usually within its first line. The records up to
// there are judged once for each; Merge knows where the range before ended and
// selects. Where no hypothesis was right it judges those records again, so the
// result never rests on a guess. Rows, lines and offsets of a part count from its
// start, and Merge moves them.
//
// Of a key that two ranges have, the row of the earlier one is kept. Each range
// logs its keys as they come, and leaves whole numbers that lie close together as
// a bitmap besides; Merge looks for what two ranges have in the memory of one
// pass (bitmaps where there are such, else key by key), takes the records that
// repeat a key from the log or from the file for their rejects, and writes for
// each staged file the list of rows to leave out. Where numbers count up, a row
// that goes back is likely to be one of those: it is staged in a file apart, so
// that the large ones stay as they are.
//
// # Rows
//
// A row is accepted unless a rule with onFail reject_row failed for it, or it
// could not be split. Rows read = accepted + rejected, always. A cell that
// cannot be read as its declared type rejects its row whatever onFail says: it
// could not stand in a typed column.
//
// What lies beyond the file comes through Options: a Database for rules in SQL,
// References for foreign keys, the facts of a ledger for service levels, earlier
// profiles for drift and volume. A rule whose source is missing is reported as
// not judged; one that could not be run (a query with an unknown column, a key
// into a feed that does not exist) has the result error, and the batch the
// verdict error.
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
