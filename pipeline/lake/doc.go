// Package lake keeps files in zones over object storage: it writes atomically,
// publishes a feed by swapping one manifest, and checks what it stored.
//
// The zones are prefixes of the key:
//
//	landing/<feed>/…                          files as they arrived
//	data/<feed>/<batch>/part-0000.parquet     accepted rows; immutable, known only to manifests
//	curated/<feed>/_manifest.json             the pointer: the current manifest
//	curated/<feed>/_manifests/<seq>-<id>.json the chain: every manifest there ever was
//	curated/<feed>/_symlink/manifest          the current files, one location per line (Athena, Spark)
//	curated/<feed>/_status.json               breaker state, cause, age of the data
//	quarantine/<feed>/<batch>/…               rejected rows with their reasons
//	quarantine/raw/<feed>/<batch>/…           landed bytes that could not be judged
//	reports/<feed>/<batch>/report.json        what the gate found (also report.html)
//	archive/<feed>/…                          landed files after the final decision, where archiving is on
//
// A publish is one conditional write. Data files are written first, under keys
// that no query engine lists; then the manifest goes into the chain; then the
// pointer is swapped on the condition that nobody else swapped it meanwhile.
// The swap is the commit point: a reader that opens the pointer sees the
// previous set of files or the new one, and never a mixture. What a process
// that died left behind is referenced by nothing and is removed by GC.
//
// The id of a manifest is a hash of its content and names its predecessor, so
// a manifest that was edited by hand is noticed by whoever reads it next.
//
// Lake is concrete; storage is a Driver of four methods. What must hold on
// every backend (validation of keys, immutability, the order of a publish,
// error codes) stands here once; drivers prove the rest in laketest.
package lake
