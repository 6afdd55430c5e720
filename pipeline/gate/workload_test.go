package gate_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// speedContract has the ten columns and the checks of the benchmark.
const speedContract = `
apiVersion: v3.1.0
kind: DataContract
id: speed
version: 1.0.0
status: active
schema:
  - name: speed
    properties:
      - {name: id, logicalType: integer, required: true, unique: true}
      - {name: customer, logicalType: string, required: true, logicalTypeOptions: {minLength: 3, maxLength: 40}}
      - {name: email, logicalType: string, logicalTypeOptions: {format: email}}
      - name: status
        logicalType: string
        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [new, paid, shipped, returned, cancelled]}}]
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 0, maximum: 100000}}
      - {name: quantity, logicalType: integer, logicalTypeOptions: {minimum: 1, maximum: 999}}
      - {name: created, logicalType: timestamp, required: true, logicalTypeOptions: {minimum: "2020-01-01T00:00:00Z", maximum: "2030-01-01T00:00:00Z"}}
      - {name: due, logicalType: date, logicalTypeOptions: {minimum: "2020-01-01", maximum: "2031-01-01"}}
      - {name: active, logicalType: boolean}
      - {name: comment, logicalType: string, logicalTypeOptions: {maxLength: 200}}
`

// speedRows makes n rows of about 172 bytes, 3 % of them with a quoted line
// break, and a share of bad ones.
func speedRows(n int, bad float64) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("id,customer,email,status,amount,quantity,created,due,active,comment\n")
	words := []string{"please", "deliver", "to", "the", "back", "door", "before", "noon", "and", "ring", "twice", "fragile"}
	status := []string{"new", "paid", "shipped", "returned", "cancelled"}
	for i := range n {
		comment := ""
		for range 8 + r.IntN(8) {
			comment += words[r.IntN(len(words))] + " "
		}
		switch {
		case r.IntN(100) < 3:
			comment = `"` + comment + "\n" + `second line, with ""quotes"""`
		case r.IntN(100) < 3:
			comment = `"` + comment + `, and more"`
		}
		amount := fmt.Sprintf("%d.%02d", r.IntN(9999), r.IntN(100))
		if r.Float64() < bad {
			amount = []string{"n/a", "-5.00", "12,50"}[r.IntN(3)]
		}
		fmt.Fprintf(&b, "%d,Customer %d,user%d@mail%d.example.com,%s,%s,%d,2024-%02d-%02dT%02d:%02d:%02dZ,2025-%02d-%02d,%v,%s\n",
			10000000+i, r.IntN(1e6), r.IntN(1e6), r.IntN(50), status[r.IntN(5)], amount, 1+r.IntN(999),
			1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 1+r.IntN(12), 1+r.IntN(28), r.IntN(2) == 0, comment)
	}
	return b.Bytes()
}
