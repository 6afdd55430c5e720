package quantity

import (
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Dimension names what a quantity measures, as an attribute of a category
// schema would. It is finer than a vector of base dimensions: torque and
// energy, frequency and rotation share a vector and are never compared.
type Dimension string

// Dimensions of catalogs, each with the unit that Canonical gives it.
const (
	None                   Dimension = ""                        // a bare number
	Count                  Dimension = "count"                   // 1 (pieces)
	Length                 Dimension = "length"                  // mm
	Area                   Dimension = "area"                    // mm2
	Volume                 Dimension = "volume"                  // L
	Mass                   Dimension = "mass"                    // kg
	Time                   Dimension = "time"                    // s
	Angle                  Dimension = "angle"                   // deg
	Temperature            Dimension = "temperature"             // Cel
	Power                  Dimension = "power"                   // W
	ApparentPower          Dimension = "apparent_power"          // V.A
	Energy                 Dimension = "energy"                  // J
	Torque                 Dimension = "torque"                  // N.m
	Force                  Dimension = "force"                   // N
	Pressure               Dimension = "pressure"                // bar
	Voltage                Dimension = "voltage"                 // V
	Current                Dimension = "current"                 // A
	Charge                 Dimension = "charge"                  // A.h
	Resistance             Dimension = "resistance"              // Ohm
	Conductance            Dimension = "conductance"             // S
	Capacitance            Dimension = "capacitance"             // F
	Inductance             Dimension = "inductance"              // H
	FluxDensity            Dimension = "flux_density"            // T
	Frequency              Dimension = "frequency"               // Hz
	Rotation               Dimension = "rotation"                // /min
	Speed                  Dimension = "speed"                   // m/s
	Acceleration           Dimension = "acceleration"            // m/s2
	VolumeFlow             Dimension = "volume_flow"             // m3/h
	MassFlow               Dimension = "mass_flow"               // kg/h
	Density                Dimension = "density"                 // kg/m3
	Viscosity              Dimension = "viscosity"               // mPa.s
	KinematicVisc          Dimension = "kinematic_viscosity"     // mm2/s
	LinearMass             Dimension = "linear_mass"             // kg/m
	AreaMass               Dimension = "area_mass"               // g/m2
	SpringRate             Dimension = "spring_rate"             // N/mm
	ThermalConduct         Dimension = "thermal_conductivity"    // W/(m.K)
	LuminousFlux           Dimension = "luminous_flux"           // lm
	LuminousIntensity      Dimension = "luminous_intensity"      // cd
	Illuminance            Dimension = "illuminance"             // lx
	Level                  Dimension = "level"                   // dB
	Percent                Dimension = "percent"                 // %
	Data                   Dimension = "data"                    // By
	DataRate               Dimension = "data_rate"               // bit/s
	MeshCount              Dimension = "mesh"                    // [mesh_i]
	Ratio1                 Dimension = "ratio"                   // 1
	Acidity                Dimension = "acidity"                 // [pH]
	Amount                 Dimension = "amount"                  // mol
	Radioactivity          Dimension = "radioactivity"           // Bq
	Dose                   Dimension = "dose"                    // Gy
	ReactivePower          Dimension = "reactive_power"          // V.A{reactive}
	ElectricCharge         Dimension = "electric_charge"         // C
	Flux                   Dimension = "flux"                    // Wb
	Luminance              Dimension = "luminance"               // cd/m2
	ThermalResistance      Dimension = "thermal_resistance"      // K/W
	SlewRate               Dimension = "slew_rate"               // V/us
	TemperatureCoefficient Dimension = "temperature_coefficient" // [ppm]/K
	TemperatureDrift       Dimension = "temperature_drift"       // mV/K
	Concentration          Dimension = "concentration"           // mol/L
	Turbidity              Dimension = "turbidity"               // [NTU]
	Refraction             Dimension = "refraction"              // [diop]
	Slope                  Dimension = "slope"                   // %[slope]
	Exposure               Dimension = "exposure"                // C/kg
	SolidAngle             Dimension = "solid_angle"             // sr
	FieldStrength          Dimension = "field_strength"          // A/m
	CatalyticActivity      Dimension = "catalytic_activity"      // kat
	Action                 Dimension = "action"                  // J.s
	InverseArea            Dimension = "inverse_area"            // m-2
	Pixels                 Dimension = "pixels"                  // 1
)

// canonical is the unit in which each dimension is compared and stored. The
// choice is what catalogs of parts write most, so that most values keep their
// digits.
var canonical = map[Dimension]string{
	Count: "1", Length: "mm", Area: "mm2", Volume: "L", Mass: "kg", Time: "s", Angle: "deg",
	Temperature: "Cel", Power: "W", ApparentPower: "V.A", Energy: "J", Torque: "N.m", Force: "N",
	Pressure: "bar", Voltage: "V", Current: "A", Charge: "A.h", Resistance: "Ohm", Conductance: "S",
	Capacitance: "F", Inductance: "H", FluxDensity: "T", Frequency: "Hz", Rotation: "/min",
	Speed: "m/s", Acceleration: "m/s2", VolumeFlow: "m3/h", MassFlow: "kg/h", Density: "kg/m3",
	Viscosity: "mPa.s", KinematicVisc: "mm2/s", LinearMass: "kg/m", AreaMass: "g/m2",
	SpringRate: "N/mm", ThermalConduct: "W/(m.K)", LuminousFlux: "lm", LuminousIntensity: "cd",
	Illuminance: "lx", Level: "dB", Percent: "%", Data: "By", DataRate: "bit/s",
	MeshCount: "[mesh_i]", Ratio1: "1", Acidity: "[pH]", Amount: "mol", Radioactivity: "Bq", Dose: "Gy",
	ReactivePower: "V.A{reactive}", ElectricCharge: "C", Flux: "Wb", Luminance: "cd/m2", ThermalResistance: "K/W", SlewRate: "V/us", TemperatureCoefficient: "[ppm]/K", TemperatureDrift: "mV/K", Concentration: "mol/L", Turbidity: "[NTU]", Refraction: "[diop]", Slope: "%[slope]", Exposure: "C/kg", SolidAngle: "sr", FieldStrength: "A/m", CatalyticActivity: "kat", Pixels: "1", Action: "J.s", InverseArea: "m-2",
}

// A Unit is a UCUM code and the dimension in which it was meant. The zero Unit
// is that of a bare number.
type Unit struct {
	// Code is a case-sensitive UCUM code: mm, kW, Cel, [in_i], N.m.
	Code string
	// Dimension is what it measures; for a vector without a name of its own it
	// is the vector, such as L3.M-1.
	Dimension Dimension

	info *unitInfo
}

// IsZero reports whether u is the unit of a bare number.
func (u Unit) IsZero() bool { return u.Code == "" }

// String is the code.
func (u Unit) String() string { return u.Code }

// unitInfo is what is worked out of a unit on first use.
type unitInfo struct {
	once    sync.Once
	measure measure
	err     error
	// canonical = value × mul + add, where the scale is linear.
	linear   bool
	mul, add Decimal
}

// Canonical is the unit in which d is compared and stored. The canonical unit
// of a dimension that has no name is the product of its base units; that of a
// bare number is the zero Unit.
func Canonical(d Dimension) Unit {
	code, ok := canonical[d]
	if !ok {
		code = vectorCode(string(d))
		if code == "" {
			return Unit{}
		}
	}
	u, err := lookupCode(code, d)
	if err != nil {
		return Unit{}
	}
	return u
}

// ParseUnit makes a Unit of a UCUM code, with the dimension that the code's
// table entry or its vector has.
func ParseUnit(code string) (Unit, error) { return lookupCode(code, None) }

// codes caches the units of codes; it stops growing at maxCodes, so that
// hostile text cannot fill the memory.
var codes struct {
	sync.RWMutex
	m map[codeKey]Unit
}

type codeKey struct {
	code string
	dim  Dimension
}

const maxCodes = 4096

func lookupCode(code string, d Dimension) (Unit, error) {
	key := codeKey{code, d}
	codes.RLock()
	u, ok := codes.m[key]
	codes.RUnlock()
	if ok {
		return u, nil
	}
	u = Unit{Code: code, Dimension: d, info: new(unitInfo)}
	if err := u.load(); err != nil {
		return Unit{}, err
	}
	if d == None {
		u.Dimension = dimensionOf(code, u.info.measure)
		u.info = new(unitInfo) // its canonical form depends on the dimension
	}
	codes.Lock()
	if codes.m == nil {
		codes.m = make(map[codeKey]Unit)
	}
	if len(codes.m) < maxCodes {
		codes.m[key] = u
	}
	codes.Unlock()
	return u, nil
}

// load works the measure of u out, once.
func (u Unit) load() error {
	i := u.info
	i.once.Do(func() {
		i.measure, i.err = evaluate(u.Code)
		if i.err != nil || u.Dimension == None {
			return
		}
		code, ok := canonical[u.Dimension]
		if !ok {
			code = vectorCode(string(u.Dimension))
		}
		to, err := evaluate(code)
		if err != nil {
			i.err = err
			return
		}
		zero, err0 := i.measure.convert(Int(0), &to, u.Code, code)
		unit, err1 := i.measure.convert(Int(1), &to, u.Code, code)
		if err0 == nil && err1 == nil && i.measure.affine() && to.affine() {
			i.linear, i.add, i.mul = true, zero, unit.Sub(zero)
		}
	})
	return i.err
}

// affine reports whether m is a factor with at most an offset.
func (m *measure) affine() bool {
	return m.scale == nil || m.scale == scales["cel"] || m.scale == scales["degf"] || m.scale == scales["degre"]
}

// resolved returns u with its info, for a Unit that was written as a literal.
func (u Unit) resolved() (Unit, error) {
	if u.info == nil {
		v, err := lookupCode(u.Code, u.Dimension)
		if err != nil {
			return Unit{}, err
		}
		return v, nil
	}
	return u, u.load()
}

// Convertible reports whether values of u can be turned into v.
func (u Unit) Convertible(v Unit) bool {
	a, err := u.resolved()
	if err != nil {
		return false
	}
	b, err := v.resolved()
	if err != nil {
		return false
	}
	return a.info.measure.vector == b.info.measure.vector && a.info.measure.arbitrary == b.info.measure.arbitrary &&
		a.Dimension == b.Dimension
}

// In is v, given in u, in the unit to.
func (u Unit) In(v Decimal, to Unit) (Decimal, error) {
	if u.Code == to.Code {
		return v, nil
	}
	a, err := u.resolved()
	if err != nil {
		return Decimal{}, err
	}
	b, err := to.resolved()
	if err != nil {
		return Decimal{}, err
	}
	if a.Dimension != b.Dimension {
		return Decimal{}, pipeline.Errorf(pipeline.CodeInvalid, "%q measures %s, %q measures %s", clip(u.Code), a.Dimension, clip(to.Code), b.Dimension)
	}
	if a.info.linear && to.Code == canonical[a.Dimension] {
		return v.Mul(a.info.mul).Add(a.info.add), nil
	}
	return a.info.measure.convert(v, &b.info.measure, u.Code, to.Code)
}

var baseLetters = [dimBases]struct{ letter, code string }{
	{"L", "m"}, {"T", "s"}, {"M", "g"}, {"A", "rad"}, {"K", "K"}, {"C", "C"}, {"F", "cd"},
}

// dimensionOf names the dimension of a code: that of the notation with this
// code, else that of the first named dimension with its vector, else the
// vector itself, such as L3.M-1.
func dimensionOf(code string, m measure) Dimension {
	if d, ok := notations().dims[code]; ok {
		return d
	}
	if m.arbitrary != "" {
		return Dimension("arbitrary:" + m.arbitrary)
	}
	if d, ok := vectorNames()[m.vector]; ok {
		return d
	}
	var b strings.Builder
	for i, e := range m.vector {
		if e == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(baseLetters[i].letter)
		if e != 1 {
			b.WriteString(Int(int64(e)).String())
		}
	}
	if b.Len() == 0 {
		return Ratio1
	}
	return Dimension(b.String())
}

// vectorCode is the UCUM code of a vector that dimensionOf wrote.
func vectorCode(d string) string {
	if d == "" {
		return ""
	}
	parts := strings.Split(d, ".")
	for i, p := range parts {
		found := false
		for _, b := range baseLetters {
			if rest, ok := strings.CutPrefix(p, b.letter); ok {
				parts[i], found = b.code+rest, true
				break
			}
		}
		if !found {
			return ""
		}
	}
	code := strings.Join(parts, ".")
	if ValidUCUM(code) != nil {
		return ""
	}
	return code
}

// vectorNames gives the dimension that a vector has unless its code says
// otherwise.
var vectorNames = sync.OnceValue(func() map[vector]Dimension {
	names := make(map[vector]Dimension)
	for _, d := range []Dimension{
		Length, Area, Volume, Mass, Time, Angle, Temperature, Power, Energy, Force, Pressure, Voltage,
		Current, Charge, Resistance, Conductance, Capacitance, Inductance, FluxDensity, Frequency,
		Speed, Acceleration, VolumeFlow, MassFlow, Density, Viscosity, KinematicVisc, LinearMass, AreaMass,
		SpringRate, ThermalConduct, LuminousIntensity, Dose,
	} {
		m, err := evaluate(canonical[d])
		if _, taken := names[m.vector]; err == nil && !taken && m.vector != (vector{}) {
			names[m.vector] = d
		}
	}
	return names
})
