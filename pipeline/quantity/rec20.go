package quantity

// rec20Codes maps UN/ECE Recommendation 20 common codes, as units of measure
// stand in ERP and trade data, to UCUM codes.
var rec20Codes = map[string]string{
	"C62": "1", "H87": "1", "EA": "1", "PCE": "1", "NMB": "1", "PR": "2", "DZN": "12", "CEN": "100", "MIL": "1000", "P1": "%",
	"MTR": "m", "MMT": "mm", "CMT": "cm", "DMT": "dm", "KMT": "km", "4H": "um", "C45": "nm", "C52": "pm",
	"INH": "[in_i]", "FOT": "[ft_i]", "YRD": "[yd_i]", "SMI": "[mi_i]", "NMI": "[nmi_i]",
	"MTK": "m2", "CMK": "cm2", "MMK": "mm2", "DMK": "dm2", "KMK": "km2", "INK": "[in_i]2", "FTK": "[ft_i]2", "YDK": "[yd_i]2", "HAR": "har",
	"MTQ": "m3", "CMQ": "cm3", "MMQ": "mm3", "DMQ": "dm3", "INQ": "[in_i]3", "FTQ": "[ft_i]3", "YDQ": "[yd_i]3",
	"LTR": "L", "MLT": "mL", "CLT": "cL", "DLT": "dL", "HLT": "hL", "4G": "uL", "GLL": "[gal_us]", "GLI": "[gal_br]", "OZA": "[foz_us]", "QTL": "[qt_us]", "PTL": "[pt_us]",
	"KGM": "kg", "GRM": "g", "MGM": "mg", "MC": "ug", "TNE": "t", "DTN": "100.kg", "LBR": "[lb_av]", "ONZ": "[oz_av]", "STN": "[ston_av]", "LTN": "[lton_av]",
	"SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d", "WEE": "wk", "MON": "mo", "ANN": "a", "C26": "ms", "B98": "us", "C47": "ns",
	"DD": "deg", "C81": "rad", "C25": "mrad", "D61": "'", "D62": "''", "A91": "gon",
	"CEL": "Cel", "FAH": "[degF]", "KEL": "K",
	"WTT": "W", "KWT": "kW", "MAW": "MW", "C31": "mW", "D80": "uW", "A90": "GW", "BHP": "[HP]",
	"KWH": "kW.h", "WHR": "W.h", "MWH": "MW.h", "JOU": "J", "KJO": "kJ", "3B": "MJ", "BTU": "[Btu_IT]",
	"VLT": "V", "KVT": "kV", "2Z": "mV", "D82": "uV", "AMP": "A", "4K": "mA", "B84": "uA", "C39": "nA", "B22": "kA", "AMH": "A.h", "E09": "mA.h",
	"D46": "V.A", "KVA": "kV.A", "OHM": "Ohm", "B49": "kOhm", "B75": "MOhm", "E45": "mOhm", "B94": "uOhm",
	"FAR": "F", "4O": "uF", "C41": "nF", "4T": "pF", "81": "H", "C14": "mH", "B90": "uH", "C43": "nH", "D33": "T", "C29": "mT", "WEB": "Wb", "SIE": "S", "C27": "mS",
	"HTZ": "Hz", "KHZ": "kHz", "MHZ": "MHz", "A86": "GHz", "RPM": "/min", "RPS": "/s", "C94": "/min",
	"PAL": "Pa", "KPA": "kPa", "MPA": "MPa", "A97": "hPa", "BAR": "bar", "MBR": "mbar", "PS": "[psi]", "ATM": "atm", "ATT": "att",
	"NEW": "N", "B47": "kN", "B73": "MN", "B37": "kgf", "NU": "N.m", "B48": "kN.m", "J72": "cN.m", "C56": "N/mm2",
	"MTS": "m/s", "KMH": "km/h", "HM": "[mi_i]/h", "KNT": "[kn_i]", "2X": "m/min", "MSK": "m/s2",
	"MQH": "m3/h", "MQS": "m3/s", "L2": "L/min", "G51": "L/s", "2L": "[cft_i]/min", "G2": "[gal_us]/min", "E93": "kg/h", "KGS": "kg/s",
	"KMQ": "kg/m3", "23": "g/cm3", "GL": "g/L", "M1": "mg/L", "KL": "kg/m", "GM": "g/m2", "28": "kg/m2",
	"CDL": "cd", "LUM": "lm", "LUX": "lx", "2N": "dB", "C34": "mol", "59": "[ppm]", "AD": "By", "2P": "kBy", "4L": "MBy", "E34": "GBy", "A99": "bit",
	"BQL": "Bq", "A95": "Gy", "D13": "Sv", "C65": "Pa.s", "C24": "mPa.s", "4C": "cSt", "C17": "mm2/s",
}

// rec20 returns the unit of a UN/ECE Recommendation 20 common code.
func rec20(code string) (Unit, bool) {
	ucum, ok := rec20Codes[code]
	if !ok {
		return Unit{}, false
	}
	if ucum == "1" || ucum == "2" || ucum == "12" || ucum == "100" || ucum == "1000" {
		u, err := lookupCode(ucum, Count)
		return u, err == nil
	}
	u, err := ParseUnit(ucum)
	return u, err == nil
}
