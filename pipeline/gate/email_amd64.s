#include "textflag.h"

DATA bytes<>+0(SB)/1, $0x20 // the bit between upper and lower case
DATA bytes<>+1(SB)/1, $0x61 // 'a'
DATA bytes<>+2(SB)/1, $25
DATA bytes<>+3(SB)/1, $0x30 // '0'
DATA bytes<>+4(SB)/1, $9
DATA bytes<>+5(SB)/1, $0x2e // '.'
DATA bytes<>+6(SB)/1, $0x40 // '@'
DATA bytes<>+7(SB)/1, $0x2d // '-'
GLOBL bytes<>(SB), RODATA|NOPTR, $8

// func emailsAVX2(ok *byte, data *byte, cells *codec.Cell, n int, last uint32)
TEXT ·emailsAVX2(SB), NOSPLIT, $0-36
	MOVQ ok+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ cells+16(FP), DX
	MOVQ n+24(FP), CX
	VPBROADCASTB bytes<>+0(SB), Y8
	VPBROADCASTB bytes<>+1(SB), Y9
	VPBROADCASTB bytes<>+2(SB), Y10
	VPBROADCASTB bytes<>+3(SB), Y11
	VPBROADCASTB bytes<>+4(SB), Y12
	VPBROADCASTB bytes<>+5(SB), Y13
	VPBROADCASTB bytes<>+6(SB), Y14
	VPBROADCASTB bytes<>+7(SB), Y15

cell:
	MOVL (DX), AX
	MOVL 4(DX), R8
	SUBL AX, R8 // its length
	XORL R15, R15
	CMPL AX, last+32(FP)
	JHI done
	LEAL -1(R8), BX
	CMPL BX, $63
	JCC done
	ADDQ SI, AX
	VMOVDQU (AX), Y0
	VMOVDQU 32(AX), Y1

	// R9: letters, digits and bytes beyond ASCII.
	VPOR Y8, Y0, Y2
	VPSUBB Y9, Y2, Y2
	VPMINUB Y10, Y2, Y3
	VPCMPEQB Y3, Y2, Y2
	VPSUBB Y11, Y0, Y4
	VPMINUB Y12, Y4, Y5
	VPCMPEQB Y5, Y4, Y4
	VPOR Y2, Y4, Y2
	VPOR Y0, Y2, Y2
	VPMOVMSKB Y2, R9
	VPOR Y8, Y1, Y2
	VPSUBB Y9, Y2, Y2
	VPMINUB Y10, Y2, Y3
	VPCMPEQB Y3, Y2, Y2
	VPSUBB Y11, Y1, Y4
	VPMINUB Y12, Y4, Y5
	VPCMPEQB Y5, Y4, Y4
	VPOR Y2, Y4, Y2
	VPOR Y1, Y2, Y2
	VPMOVMSKB Y2, BX
	SHLQ $32, BX
	ORQ BX, R9

	// R10: dots. R11: @. R12: hyphens.
	VPCMPEQB Y13, Y0, Y2
	VPCMPEQB Y13, Y1, Y3
	VPMOVMSKB Y2, R10
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, R10
	VPCMPEQB Y14, Y0, Y2
	VPCMPEQB Y14, Y1, Y3
	VPMOVMSKB Y2, R11
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, R11
	VPCMPEQB Y15, Y0, Y2
	VPCMPEQB Y15, Y1, Y3
	VPMOVMSKB Y2, R12
	VPMOVMSKB Y3, BX
	SHLQ $32, BX
	ORQ BX, R12

	// Cut to the cell: R13 is the bit behind it, R8 the bits within.
	MOVQ $1, R13
	SHLXQ R8, R13, R13
	LEAQ -1(R13), R8
	ANDQ R8, R10
	ANDQ R8, R11
	ANDQ R8, R12
	ORQ R10, R9
	ORQ R11, R9
	ORQ R12, R9
	ANDNQ R8, R9, R9 // within, and none of these
	JNZ done

	// One @.
	TESTQ R11, R11
	JZ done
	BLSRQ R11, BX
	JNZ done

	// A dot behind it.
	LEAQ -1(R11), BX // before the @
	ANDNQ R10, BX, AX
	JZ done

	// No label of an address is empty: separators are dots, the @ and the end.
	MOVQ R10, R9
	ORQ R11, R9
	ORQ R13, R9
	LEAQ 1(R9)(R9*1), R8 // one further, and the beginning
	TESTQ R8, R9
	JNZ done

	// No label of the domain begins or ends with a hyphen.
	ANDNQ R12, BX, R12
	TESTQ R8, R12
	JNZ done
	SHRQ $1, R9
	TESTQ R9, R12
	JNZ done
	MOVL $1, R15

done:
	MOVB R15, (DI)
	INCQ DI
	ADDQ $8, DX
	DECQ CX
	JNZ cell
	VZEROUPPER
	RET
