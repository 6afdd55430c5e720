//go:build !lambda.norpc

package app

import "github.com/assay-pipeline/assay/pipeline/sample"

// SampleVocabulary translates the names of the generated sample into those of
// the shipped packs.
func SampleVocabulary() sample.Vocabulary { return vocabulary }

// vocabulary translates the generator's names of values into those of the
// shipped packs. The two were written apart, on purpose; this is the only place
// where they meet.
var vocabulary = sample.Vocabulary{
	Attributes: map[string]string{},
	Values: map[string][]string{
		"bearing.type=deep_groove_ball":     {"deep groove ball bearing"},
		"bearing.type=angular_contact_ball": {"angular contact ball bearing"},
		"bearing.type=self_aligning_ball":   {"self-aligning ball bearing"},
		"bearing.type=cylindrical_roller":   {"cylindrical roller bearing"},
		"bearing.type=spherical_roller":     {"spherical roller bearing"},
		"bearing.type=tapered_roller":       {"tapered roller bearing"},
		"screw.type=hexagon":                {"hexagon head screw"}, "screw.type=cylinder": {"socket head cap screw"}, "screw.type=countersunk": {"countersunk screw"},
		"screw.type=button": {"button head screw"}, "screw.type=pan": {"pan head screw"}, "screw.type=none": {"set screw"},
		"nut.type=hexagon": {"hexagon nut"}, "nut.type=lock": {"prevailing torque nut"}, "nut.type=thin": {"hexagon thin nut"}, "nut.type=flange": {"flange nut"}, "nut.type=cap": {"cap nut"},
		"washer.type=plain": {"plain washer"}, "washer.type=large": {"large washer"}, "washer.type=spring": {"spring washer"}, "washer.type=serrated": {"toothed lock washer"}, "washer.type=small": {"plain washer"},
		"motor.type=three_phase": {"three-phase asynchronous motor"}, "motor.type=single_phase": {"single-phase motor"},
		"screw.strength_class=Grade 5": {"grade 5"}, "screw.strength_class=Grade 8": {"grade 8"},
		"pump.type=centrifugal": {"centrifugal pump"}, "pump.type=gear": {"gear pump"}, "pump.type=submersible": {"submersible pump"},
		"valve.type=ball": {"ball valve"}, "valve.type=gate": {"gate valve"}, "valve.type=check": {"check valve"},
		"valve.material=stainless": {"stainless steel"}, "valve.material=cast_iron": {"cast iron"},
		"seal.type=shaft_seal": {"radial shaft seal"}, "seal.type=o_ring": {"O-ring"},
		"bearing.seal=2Z":            {"ZZ"},
		"material=A2":                {"stainless steel A2", "stainless steel"},
		"material=A4":                {"stainless steel A4", "stainless steel"},
		"coating=none":               {"plain"},
		"coating=zinc":               {"zinc plated"},
		"coating=hot_dip_galvanized": {"hot-dip galvanised"},
		"coating=black_oxide":        {"black oxide"},
		"coating=zinc_flake":         {"zinc flake"},
		"drive=external_hexagon":     {"hexagon"},
		"drive=internal_hexagon":     {"hexagon socket"},
		"drive=cross":                {"phillips"},
		"drive=slot":                 {"slotted"},
		"standard=DIN 912":           {"DIN 912", "ISO 4762"},
		"standard=DIN 931":           {"DIN 931", "ISO 4014"},
		"standard=DIN 933":           {"DIN 933", "ISO 4017"},
		"standard=DIN 934":           {"DIN 934", "ISO 4032"},
		"standard=DIN 7991":          {"DIN 7991", "ISO 10642"},
		"standard=DIN 125":           {"DIN 125", "ISO 7089"},
		"standard=DIN 913":           {"DIN 913", "ISO 4026"},
		"standard=DIN 9021":          {"DIN 9021", "ISO 7093"},
		"hardness=140":               {"140 HV"},
		"hardness=200":               {"200 HV"},
	},
}
