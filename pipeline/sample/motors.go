package sample

import (
	"strconv"
	"strings"
)

// Frame sizes of standard cage motors by poles and rated power in kW, as the
// makers' lists agree on them for IEC 60072.
var motorFrames = map[string][][2]string{
	"2": {{"0.18", "63"}, {"0.25", "63"}, {"0.37", "71"}, {"0.55", "71"}, {"0.75", "80"}, {"1.1", "80"}, {"1.5", "90S"}, {"2.2", "90L"}, {"3", "100L"}, {"4", "112M"}, {"5.5", "132S"}, {"7.5", "132S"}, {"11", "160M"}, {"15", "160M"}, {"18.5", "160L"}, {"22", "180M"}, {"30", "200L"}, {"37", "200L"}, {"45", "225M"}, {"55", "250M"}, {"75", "280S"}},
	"4": {{"0.12", "63"}, {"0.18", "63"}, {"0.25", "71"}, {"0.37", "71"}, {"0.55", "80"}, {"0.75", "80"}, {"1.1", "90S"}, {"1.5", "90L"}, {"2.2", "100L"}, {"3", "100L"}, {"4", "112M"}, {"5.5", "132S"}, {"7.5", "132M"}, {"11", "160M"}, {"15", "160L"}, {"18.5", "180M"}, {"22", "180L"}, {"30", "200L"}, {"37", "225S"}, {"45", "225M"}, {"55", "250M"}, {"75", "280S"}, {"90", "280M"}},
	"6": {{"0.18", "71"}, {"0.25", "71"}, {"0.37", "80"}, {"0.55", "80"}, {"0.75", "90S"}, {"1.1", "90L"}, {"1.5", "100L"}, {"2.2", "112M"}, {"3", "132S"}, {"4", "132M"}, {"5.5", "132M"}, {"7.5", "160M"}, {"11", "160L"}, {"15", "180L"}, {"18.5", "200L"}, {"22", "200L"}, {"30", "225M"}, {"37", "250M"}, {"45", "280S"}, {"55", "280M"}},
	"8": {{"0.37", "90S"}, {"0.55", "90L"}, {"0.75", "100L"}, {"1.1", "100L"}, {"1.5", "112M"}, {"2.2", "132S"}, {"3", "132M"}, {"4", "160M"}, {"5.5", "160M"}, {"7.5", "160L"}, {"11", "180L"}, {"15", "200L"}, {"18.5", "225S"}, {"22", "225M"}, {"30", "250M"}, {"37", "280S"}, {"45", "280M"}},
}

// The powers that the trade pairs with a round horsepower, in HP.
var horsepower = map[string]string{
	"0.37": "0.5", "0.55": "0.75", "0.75": "1", "1.1": "1.5", "1.5": "2", "2.2": "3", "3": "4", "5.5": "7.5", "7.5": "10", "11": "15",
	"15": "20", "18.5": "25", "22": "30", "30": "40", "37": "50", "45": "60", "55": "75", "75": "100",
}

var synchronous = map[string]int{"2": 3000, "4": 1500, "6": 1000, "8": 750}

var motorWord = term{
	de: []string{"Dreh|strom|motor", "Elektro|motor", "Asynchron|motor", "Norm|motor"},
	en: []string{"three phase motor", "electric motor", "induction motor", "AC motor"},
}
var singlePhaseWord = term{
	de: []string{"Wechsel|strom|motor", "Einphasen|motor"},
	en: []string{"single phase motor", "single-phase electric motor"},
}
var motorGeneric = term{de: []string{"Motor"}, en: []string{"motor"}}

var motorMounts = []string{"B3", "B5", "B14", "B35", "V1"}
var motorMakers = []string{"Siemens", "ABB", "WEG", "Nordwerk Antriebe", "Lenze", "SEW", "Halden Motors"}

var motors = family{
	category: "motor", deep: true, share: 190,
	group: [3]string{"0360", "105-4", "G1080"}, unit: [3]string{"ST", "EA", "STK"}, price: [2]int{6900, 480000},
	make: makeMotor, twin: twinMotor, describe: describeMotor,
}

func makeMotor(d dice) *product {
	poles := []string{"2", "4", "6", "8"}[d.weighted(30, 48, 16, 6)]
	row := pick(d, motorFrames[poles])
	voltage, phases := "230/400", "3"
	power, _ := strconv.ParseFloat(row[0], 64)
	switch {
	case power >= 3:
		voltage = []string{"400/690", "230/400"}[d.weighted(7, 2)]
	case power <= 1.5 && poles != "8" && d.chance(120):
		voltage, phases = "230", "1"
	}
	mounting := motorMounts[d.weighted(45, 25, 12, 12, 4)]
	p := newMotor(d, row[0], poles, voltage, phases, mounting)
	rate(p, []string{"IE2", "IE3", "IE4"}[d.weighted(3, 6, 1)], []string{"IP55", "IP54", "IP65"}[d.weighted(8, 1, 1)])
	return p
}

// rate sets efficiency class and degree of protection; a standard motor is
// IP55 where nothing else is written.
func rate(p *product, efficiency, protection string) {
	p.set(fact{name: "efficiency", value: efficiency, critical: true})
	p.set(fact{name: "protection", value: protection, critical: true, implicit: protection == "IP55"})
}

func newMotor(d dice, power, poles, voltage, phases, mounting string) *product {
	p := &product{category: "motor", maker: pick(d, motorMakers)}
	frame, rank := "", 0
	for i, row := range motorFrames[poles] {
		if row[0] == power {
			frame, rank = row[1], i
		}
	}
	if frame == "" {
		return nil
	}
	// Slip falls with size, from some 8 % to 1 %.
	slip := 80 - rank*80/len(motorFrames[poles]) + 8
	speed := synchronous[poles] * (1000 - slip) / 1000 / 5 * 5
	kind := "three_phase"
	if phases == "1" {
		kind = "single_phase"
	}
	p.set(fact{name: "type", value: kind, implicit: kind == "three_phase"})
	p.set(fact{name: "power", value: power, unit: "kW", critical: true})
	p.set(fact{name: "poles", value: poles, critical: true})
	p.set(fact{name: "speed", value: strconv.Itoa(speed), unit: "/min"})
	p.set(fact{name: "voltage", value: voltage, unit: "V", critical: true})
	p.set(fact{name: "phases", value: phases, critical: true, implicit: phases == "3"})
	p.set(fact{name: "frequency", value: "50", unit: "Hz", implicit: true})
	p.set(fact{name: "frame", value: frame})
	p.set(fact{name: "mounting", value: mounting, critical: true})
	p.set(fact{name: "manufacturer", value: p.maker})
	p.part = motorPart(d, p)
	return p
}

// motorPart makes a part number up, each maker by its own rule.
func motorPart(d dice, p *product) string {
	frame, n := p.get("frame"), d.between(1000, 9999)
	switch p.maker {
	case "Siemens":
		return "1LE" + strconv.Itoa(d.between(1000, 1099)) + "-" + strconv.Itoa(n) + "-" + strconv.Itoa(d.between(10, 99)) + "AA" + p.get("poles")
	case "ABB":
		return "M2" + pick(d, []string{"BA", "AA", "QA"}) + strings.TrimRight(frame, "SML") + "-" + strconv.Itoa(n)
	case "SEW":
		return "DRN" + frame + p.get("poles") + "/" + strconv.Itoa(n)
	default:
		return strings.ToUpper(p.maker[:2]) + frame + "." + p.get("poles") + "-" + strconv.Itoa(n)
	}
}

func twinMotor(d dice, p *product) (*product, string) {
	power, poles, voltage, phases, mounting := p.get("power"), p.get("poles"), p.get("voltage"), p.get("phases"), p.get("mounting")
	efficiency := p.get("efficiency")
	var differs string
	switch d.weighted(38, 18, 14, 22, 8) {
	case 0:
		// 1.5 and 15, 3 and 30, or the next size.
		differs = "power"
		ten := map[string]string{"0.18": "18.5", "0.55": "5.5", "0.75": "7.5", "1.1": "11", "1.5": "15", "2.2": "22", "3": "30", "5.5": "55", "7.5": "75", "0.37": "37"}
		if to := ten[power]; to != "" && phases == "3" && d.chance(500) {
			power = to
		} else {
			power = pick(d, motorFrames[poles])[0]
		}
	case 1:
		differs, poles = "poles", other(d, []string{"2", "4", "6"}, poles)
	case 2:
		if phases == "1" {
			return nil, ""
		}
		differs, voltage = "voltage", other(d, []string{"230/400", "400/690"}, voltage)
	case 3:
		differs, mounting = "mounting", other(d, motorMounts, mounting)
	default:
		differs, efficiency = "efficiency", other(d, []string{"IE2", "IE3"}, efficiency)
	}
	if f, _ := strconv.ParseFloat(power, 64); phases == "1" && f > 2.2 || power == p.get("power") && differs == "power" {
		return nil, ""
	}
	t := newMotor(d, power, poles, voltage, phases, mounting)
	if t == nil {
		return nil, ""
	}
	t.maker = p.maker
	t.set(fact{name: "manufacturer", value: p.maker})
	t.part = motorPart(d, t)
	rate(t, efficiency, p.get("protection"))
	return t, differs
}

func describeMotor(w *writer, p *product) {
	single := p.get("phases") == "1"
	noun := segment{slot: 'n'}
	switch {
	case single:
		noun.text, noun.says = w.mild(singlePhaseWord), []string{"phases", "type"}
	case w.chance(400):
		noun.text = w.say(motorGeneric)
	default:
		noun.text = w.say(motorWord)
	}
	w.add(noun)

	power := segment{slot: 's', says: []string{"power"}, critical: true}
	kw := p.get("power")
	hp, ok := horsepower[kw]
	f, _ := strconv.ParseFloat(kw, 64)
	switch {
	case ok && w.plant.imperial && w.chance(350):
		power.text = w.unit(hp, pick(w.dice, []string{"HP", "hp", "HP"}))
	case f < 1 && w.chance(350):
		watts := strings.TrimLeft(strings.TrimPrefix(kw, "0."), "0")
		if len(strings.TrimPrefix(kw, "0.")) == 2 {
			watts += "0"
		}
		power.text = w.unit(watts, "W")
	default:
		power.text = w.unit(kw, "kW")
	}
	w.add(power)

	poles := p.get("poles")
	count := pick(w.dice, []string{poles + "-pole", poles + " pole", poles + "P"})
	if w.german {
		count = poles + pick(w.dice, []string{"-", " "}) + w.spell("polig", true)
	}
	rpm := p.get("speed") + pick(w.dice, []string{" rpm", "rpm", "/min", " 1/min", " min-1"})
	if w.german {
		rpm = p.get("speed") + pick(w.dice, []string{" U/min", "/min", " 1/min", " min-1"})
	}
	switch w.weighted(55, 20, 25) {
	case 0:
		w.add(segment{slot: 'v', text: count, says: []string{"poles"}, critical: true})
	case 1:
		w.add(segment{slot: 'v', text: rpm, says: []string{"speed"}, implies: []string{"poles"}, critical: true})
	case 2:
		w.add(segment{slot: 'v', text: count + " " + rpm, says: []string{"poles", "speed"}, critical: true})
	}
	w.add(segment{slot: 'v', text: w.unit(p.get("voltage"), "V"), says: []string{"voltage"}, critical: true})
	mount := pick(w.dice, []string{"", "", "IM ", "IM"}) + p.get("mounting")
	if w.chance(150) {
		mount = w.say(term{de: []string{"Bau|form"}, en: []string{"mounting"}}) + " " + mount
	}
	w.add(segment{slot: 'v', text: mount, says: []string{"mounting"}, critical: true})
	if w.chance(350) {
		frame := w.say(term{de: []string{"Bau|größe"}, en: []string{"frame", "frame size", "IEC frame"}}) + " " + p.get("frame")
		w.add(segment{slot: 'v', text: frame, says: []string{"frame"}, keep: 990})
	}
	ip := segment{slot: 'v', text: p.get("protection"), says: []string{"protection"}}
	if ip.text == "IP55" {
		ip.keep = 400
	}
	w.add(ip)
	w.add(segment{slot: 'v', text: p.get("efficiency"), says: []string{"efficiency"}, critical: true})
	w.add(segment{slot: 'v', text: w.unit("50", "Hz"), says: []string{"frequency"}, keep: 150})
	w.add(segment{slot: 'm', text: p.maker, says: []string{"manufacturer"}, keep: 300})
	if w.part {
		return
	}
	if w.chance(120) {
		w.part = true
		w.add(segment{slot: 'm', text: p.part, says: []string{"part_number"}})
	}
}
