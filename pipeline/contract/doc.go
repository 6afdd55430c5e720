// Package contract reads, checks and writes data contracts in the Open Data
// Contract Standard (ODCS v3.1.0, and v3.0.x for reading).
//
// Parse reads a document. Its structure is judged by the JSON Schema of the
// standard, its meaning by Document.Feed, which compiles one schema object into
// a Feed: names resolved, defaults applied, every clause either in it or listed
// in Feed.Unenforced with a reason. The gate and the flow see Feeds only. The
// kinds of clauses that are not enforced stand in unenforced.txt, at most 15; a
// test walks the JSON Schema and holds it against that list.
//
// Document.Lint compiles everything and adds what others need to rely on the
// contract. Load reads a folder of contracts into a Set; one that is broken does
// not hide the others. Set, Add, Append and Delete of a Document change the
// bytes of one value and leave every other byte as it was.
//
// # Versions
//
// Diff compares two versions. A change is judged by what it does to the set of
// batches that the contract accepts: one that widens it (a higher maximum, a
// further value of an enum, a field that may be null) breaks consumers, one that
// narrows it breaks readers of old data, and some do both. testdata/diff is the
// table. The Registry publishes versions, refuses one that breaks without being
// a new major version, knows the consumers and their fields, and says which
// version judges a batch.
//
// # From data, and to and from other tools
//
// An Inferrer proposes a contract from rows. Export writes JSON Schema, Avro,
// DDL, a Glue table, Go, Markdown and HTML; Import reads JSON Schema, Avro, DDL
// and dbt.
//
// # What ODCS lacks
//
// customProperties under "assay." carry it. They may stand in the document or
// in the schema object (which wins), where nothing else is said:
//
//	customProperties:
//	  - {property: assay.feed, value: orders}          # name of the feed, at a schema object; in the
//	                                                   # document: which object is the feed,
//	                                                   # or {name: orders, schema: tbl}
//	  - {property: assay.format, value: csv}           # csv, jsonl, json, parquet, files; else servers[].format
//	  - {property: assay.kind, value: text}            # rows (default), stream, text, objects: what a row is made of;
//	                                                   # or {kind: text, text: body} where body holds the text of a
//	                                                   # JSON Lines record. The columns that are measured then:
//	                                                   # Kind.Measures
//	  - property: assay.csv
//	    value: {delimiter: ";", quote: '"', escape: '"', header: 1, preamble: 0, comment: "#",
//	            encoding: utf-8, nullWords: ["", "NULL"], decimal: ",", thousands: ".",
//	            trim: true, maxRecordBytes: 1048576, compression: gzip}
//	  - {property: assay.load, value: snapshot}        # append, snapshot, upsert
//	  - {property: assay.evolution, value: warn}       # an undeclared column: reject, warn, ignore, evolve
//	  - {property: assay.missingOptional, value: warn} # an absent optional column: warn, fail_batch, reject_row
//	  - {property: assay.onFail, value: reject_row}    # default of the row checks: reject_row, fail_batch, warn
//	  - {property: assay.maxRejectRate, value: 5%}     # a share or a percentage; above it the batch is held (5%)
//	  - property: assay.keys                           # composite keys beside the primary one
//	    value: [{name: line, fields: [order, pos], scope: feed, horizonDays: 90, onFail: reject_row}]
//	  - property: assay.breaker                        # or just the mode: observe
//	    value: {mode: enforce, window: 5, cooldown: 1h, maxCooldown: 1d, probes: 2, fallback: last_good,
//	            maxNullRate: 10%, maxRejectRate: 20%, minRows: 100, freshness: 2d, replay: auto}
//	  - property: assay.approval                       # or just when
//	    value: {when: on_warn, expiry: 24h}            # never, always, on_warn, on_hold
//	  - property: assay.schedule                       # when batches are due; or just cron
//	    value: {cron: "0 6 * * 1-5", timezone: Europe/Berlin, days: mon-fri, holidays: [2026-12-25],
//	            grace: 1h, minRows: 100, maxRows: 5000}
//	  - property: assay.catalog                        # the rows are items; values name properties
//	    value: {id: material, text: description, category: type, manufacturer: maker, partNumber: mpn,
//	            unitOfMeasure: uom, packQuantity: pack, procurementGroup: buyers, materialGroup: grp,
//	            plant: plant, language: lang, defaultCategory: bearing,
//	            trust: {category: high, manufacturer: low, plant: none}}
//	                                                   # id may be a list of properties
//
// At a property: assay.onFail, assay.severity, assay.formats (further date
// formats; the first, or logicalTypeOptions.format, is what values are
// normalised to), assay.scope: feed (a unique or primary key holds across
// batches) with assay.horizonDays, assay.renamedFrom (for diff). At a quality
// rule: assay.onFail. At a relationship: assay.onFail, assay.severity,
// assay.feed (the feed that the other object is).
//
// # Decisions where the standard leaves room
//
//   - mustBeBetween includes both ends; mustNotBeBetween fails both.
//   - A field of the primary key is required.
//   - A date format uses the letters of Java's DateTimeFormatter. Without one,
//     ISO 8601 is read.
//   - Patterns are searched, not anchored, and written in RE2.
//   - Any classification but public, open, internal and their synonyms keeps
//     values out of reports.
//   - percent is of the rows of the batch, and means nothing for rowCount.
//   - A rule in SQL is one SELECT of one number, run in SQLite over all rows of
//     the batch that could be split, rejected ones too, as the other thresholds
//     count; a value that is not of its type is null there. ${table} or
//     ${object}, and at a property ${column} or ${property}, stand for the names.
//   - A foreign key looks into what the other feed has published. Where nothing
//     is, it is not judged; where there is no such feed, it could not be.
//   - A broken service level is a warning: holding the batch would only make it
//     later. Latency is from the batch's event time to its judgement.
//   - The members of objects and the items of arrays are judged by all options of
//     their types; a rule within names its path (address.zip, tags[]) and counts
//     rows.
//   - A feed that may evolve carries undeclared columns through as text, and the
//     next minor version of its contract is drafted in the registry.
//   - A rule of severity error that tolerates nothing (mustBe: 0) and counts
//     rows rejects those rows; one with a threshold fails the batch; assay.onFail
//     says otherwise.
package contract
