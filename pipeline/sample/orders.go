package sample

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var orderColumns = []string{"order_id", "order_date", "customer_id", "email", "item_id", "quantity", "unit_price",
	"currency", "discount_pct", "status", "express", "delivery_date", "note"}

// Days of orders; on the bad one the exporting system wrote seconds since 1970
// into the date column.
const (
	orderDays = 10
	badDay    = 5 // from 0
)

var orderNotes = term{
	de: []string{"", "", "", "bitte avisieren", "Teillieferung erlaubt", "Abholung Tor 3", "Rückfrage Einkauf"},
	en: []string{"", "", "", "call before delivery", "partial delivery ok", "gate 3", "ask purchasing"},
}

// orders writes one file a day.
func (s *Sample) orders(opt Options, items []string) {
	d := newDice(opt.Seed, "orders")
	next := 10000000 + d.IntN(1000000)
	perDay := max(opt.Transactions/orderDays, 900)
	for day := range orderDays {
		date := time.Date(2026, 3, 2+day, 0, 0, 0, 0, time.UTC)
		sh := newSheet(OrdersFeed, date.Format(time.DateOnly)+".csv", date.Add(26*time.Hour), orderColumns)
		n := perDay + d.between(-perDay/20, perDay/20)
		for range n {
			next += d.between(1, 4)
			sh.rows = append(sh.rows, row{cells: order(d, next, date, items)})
		}
		if day == badDay {
			for i := range sh.rows {
				sh.rows[i].cells[1] = strconv.FormatInt(date.Unix()+int64(d.IntN(86400)), 10)
			}
			s.add(sh, true)
			continue
		}
		sh.spoil(d, orderFaults, max(1, n/1000))
		s.add(sh, false)
	}
}

func order(d dice, number int, date time.Time, items []string) []string {
	email := ""
	if d.chance(850) {
		email = fmt.Sprintf("%s%d@%s.example", pick(d, []string{"einkauf", "orders", "purchasing", "k.", "p."}), d.between(1, 4000),
			pick(d, []string{"werk-nord", "millbrook", "alpina", "harbour"}))
	}
	discount, delivery := "", ""
	if d.chance(400) {
		half := d.IntN(61)
		discount = fmt.Sprintf("%d.%d", half/2, half%2*5)
	}
	if d.chance(700) {
		delivery = date.AddDate(0, 0, d.between(1, 90)).Format(time.DateOnly)
	}
	language := orderNotes.de
	if d.chance(500) {
		language = orderNotes.en
	}
	return []string{
		fmt.Sprintf("SO-%08d", number), date.Format(time.DateOnly), fmt.Sprintf("C%06d", d.between(1, 40000)), email,
		pick(d, items), strconv.Itoa(d.between(1, 500)), cents(d.between(5, 900000)),
		[]string{"EUR", "GBP", "USD"}[d.weighted(7, 2, 1)], discount,
		[]string{"open", "shipped", "invoiced", "cancelled"}[d.weighted(4, 3, 2, 1)],
		strconv.FormatBool(d.chance(100)), delivery, pick(d, language),
	}
}

func long(n int) string { return strings.Repeat("ä", n) }

// orderFaults are the ways in which a row goes wrong, each beside a way in
// which it only seems to.
var orderFaults = []spoiler{
	{kind: "null in a required column", column: "customer_id", reason: "required", bad: set("customer_id", ""), good: harmless("email", "")},
	{kind: "word in an integer", column: "quantity", reason: "type", bad: set("quantity", "ten"), good: harmless("quantity", "+12")},
	{kind: "fraction in an integer", column: "quantity", reason: "type", bad: set("quantity", "12.5"), good: harmless("unit_price", "12.5")},
	{kind: "below the minimum", column: "quantity", reason: "minimum", bad: set("quantity", "0"), good: harmless("quantity", "1")},
	{kind: "above the maximum", column: "quantity", reason: "maximum", bad: set("quantity", "10001"), good: harmless("quantity", "10000")},
	{kind: "negative price", column: "unit_price", reason: "minimum", bad: set("unit_price", "-0.01"), good: harmless("unit_price", "0.00")},
	{kind: "decimal comma", column: "unit_price", reason: "type", bad: set("unit_price", "12,50"), good: harmless("note", "12,50 each")},
	{kind: "not a number", column: "unit_price", reason: "type", bad: set("unit_price", "NaN"), good: harmless("unit_price", "1e2")},
	{kind: "too many decimals", column: "unit_price", reason: "multipleOf", bad: set("unit_price", "9.999"), good: harmless("unit_price", "9.990")},
	{kind: "discount above the maximum", column: "discount_pct", reason: "maximum", bad: set("discount_pct", "100.5"), good: harmless("discount_pct", "100")},
	{kind: "unknown status", column: "status", reason: "enum", bad: set("status", "dispatched"), good: harmless("status", "cancelled")},
	{kind: "currency in lower case", column: "currency", reason: "enum", bad: set("currency", "eur"), good: harmless("currency", "USD")},
	{kind: "key of another shape", column: "order_id", reason: "pattern",
		bad: func(_ dice, _ *sheet, cells []string) string {
			cells[0] = strings.Replace(cells[0], "SO-", "SO", 1)
			return ""
		},
		good: func(_ dice, _ *sheet, cells []string) { cells[0] = "SO-0" + cells[0][len("SO-0"):] }},
	{kind: "customer of another shape", column: "customer_id", reason: "pattern", bad: set("customer_id", "K000123"), good: harmless("customer_id", "C999999")},
	{kind: "seconds instead of a date", column: "order_date", reason: "type", bad: set("order_date", "1772409600"), good: harmless("order_date", "2026-01-01")},
	{kind: "date of another layout", column: "order_date", reason: "type", bad: set("order_date", "02.03.2026"), good: harmless("order_date", "2026-12-31")},
	{kind: "date before the minimum", column: "order_date", reason: "minimum", bad: set("order_date", "2025-12-31"), good: harmless("delivery_date", "2026-01-01")},
	{kind: "29 February of a common year", column: "delivery_date", reason: "type", bad: set("delivery_date", "2027-02-29"), good: harmless("delivery_date", "2028-02-29")},
	{kind: "yes for true", column: "express", reason: "type", bad: set("express", "yes"), good: harmless("express", "TRUE")},
	{kind: "e-mail without a domain", column: "email", reason: "format", bad: set("email", "orders@"), good: harmless("email", "first.last+parts@sub.harbour.example")},
	{kind: "note too long", column: "note", reason: "maxLength", bad: set("note", long(201)), good: harmless("note", long(200))},
	{kind: "key twice", column: "order_id", reason: "unique", repeats: true, bad: func(dice, *sheet, []string) string { return "" },
		good: func(_ dice, sh *sheet, cells []string) {
			// The same order again under a number of its own.
			key := cells[0]
			copy(cells, sh.rows[0].cells)
			cells[0] = key
		}},
	{kind: "row too short", reason: "field_count",
		bad: func(_ dice, _ *sheet, cells []string) string { return line(cells[:len(cells)-2]) },
		good: func(_ dice, sh *sheet, cells []string) {
			cells[sh.column("delivery_date")], cells[sh.column("note")] = "", ""
		}},
	{kind: "comma without quotes", reason: "field_count",
		bad: func(_ dice, sh *sheet, cells []string) string {
			cells[sh.column("note")] = ""
			return line(cells) + "left, then right"
		}, good: harmless("note", "left, then right")},
	{kind: "another delimiter", reason: "field_count",
		bad: func(_ dice, sh *sheet, cells []string) string {
			cells[sh.column("note")] = ""
			return strings.Join(cells, ";")
		}, good: harmless("note", "a;b;c;d;e;f;g;h;i;j;k;l;m")},
	{kind: "quote within a field", reason: "stray_quote",
		bad: func(_ dice, sh *sheet, cells []string) string {
			cells[sh.column("note")] = ""
			return line(cells) + `pipe 12" long`
		}, good: harmless("note", `pipe 12" long`)},
	{kind: "quote that never closes", reason: "stray_quote",
		bad: func(_ dice, sh *sheet, cells []string) string {
			cells[sh.column("note")] = ""
			return line(cells) + `"deliver to gate 3`
		}, good: harmless("note", "deliver to\ngate 3")},
	{kind: "NUL byte", reason: "nul_byte", bad: set("note", "gate\x003"), good: harmless("note", "Tor 3 — 門 😀")},
	{kind: "byte of another encoding", reason: "not_utf8", bad: set("note", "Geb\xfcude 4"), good: harmless("note", "Gebäude 4")},
	{kind: "record without end", reason: "record_too_long", once: true,
		bad: set("note", strings.Repeat("gate 3 ", 11000)), good: harmless("note", strings.Repeat("gate 3 ", 28))},
}

// catalogFaults spoil rows of the catalog; their twins change what says
// nothing about the item.
var catalogFaults = []spoiler{
	{kind: "no description", column: "description", reason: "required", bad: set("description", ""), good: harmless("price", "0.00")},
	{kind: "unknown language", column: "language", reason: "enum", bad: set("language", "fr"), good: harmless("currency", "GBP")},
	{kind: "price with a comma", column: "price", reason: "type", bad: set("price", "12,50"), good: harmless("price", "1250")},
	{kind: "empty date of the old system", column: "created_on", reason: "type", bad: set("created_on", "0000-00-00"), good: harmless("created_on", "2024-02-29")},
	{kind: "item twice", column: "item_id", reason: "unique", repeats: true, bad: func(dice, *sheet, []string) string { return "" }, good: harmless("created_on", "2000-02-29")},
}
