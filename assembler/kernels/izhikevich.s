; izhikevich: the simple model of spiking neurons, in numbers of 16 fraction bits (mV, and mV per ms)
;
; law     i = sat32(sat32(q << GAIN) + bias), all sums saturated to 32 bits, all shifts rounded to nearest:
;         STEPS 0, one step of 1 ms: v' = (((v * K04 >> 12) + K6) * v >> 24) + 140 - u + i
;         STEPS 1, twice half a step: v' = v + ((((v * K04 >> 12) + K5) * v >> 24) + 140 - u + i >> 1)
;         then u' = u + (((v' * B >> 20) - u) * A >> 20)
; input   q = input of the step, saturated to 32 bits; SYN 0: as above; SYN 1: s' = sat32((s * FADE >> 16, toward zero) + q) in
;         place of q; SYN 2: h' as s' of SYN 1, s' = sat32((s * FADE >> 16, toward zero) + h')
; fire    v' >= 30
; reset   v = C, u = sat32(u' + D); a, b, c, d are constants A, B, C, D, or slots of each lane with PARAMS
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  E. Izhikevich: Simple model of spiking neurons (2003); K04 = 0.04, A and B have 20 fraction bits, K5 = 5 and K6 = 6
;         24 (so 0.04 v + 5 saturates at |v| of 3000 mV)
; counts  update 19, on_spike 3
; cycles  update 93, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option STEPS    = 0 0..=1              ; 0: one step of 1 ms; 1: v in two steps of half a ms
.option PARAMS   = 0 0..=1              ; 1: slots a, b, c, d of each lane in place of constants A, B, C, D
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added to the input in every step
.option GAIN     = 0 0..=16             ; the input of a step is shifted left by this
.option SYN      = 0 0..=2              ; synapse: 0 delta, 1 exponential, 2 alpha
.option WAIT     = 0 0..=1              ; 1: slot `wait` counts down the steps before the first that runs
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this

.accumulator 32 saturate
.const K04 = q20(0.04)
.if STEPS
.const K5 = q24(5)
.else
.const K6 = q24(6)
.endif
.const K140 = q16(140)
.const PEAK = q16(30)
.if PARAMS == 0
.const A = q20(0.02)
.const B = q20(0.2)
.const C = q16(-65)
.const D = q16(8)
.endif
.if SYN
.const FADE = q16(0.8)
.endif
.slot v 32 = q16(-65)
.slot u 32 = q16(-13)
.if PARAMS
.slot a 32 = q20(0.02)
.slot b 32 = q20(0.2)
.slot c 32 = q16(-65)
.slot d 32 = q16(8)
.endif
.if BIAS
.slot bias 32
.endif
.if SYN
.slot s 32
.endif
.if SYN == 2
.slot h 32
.endif
.if WAIT
.slot wait 16
.endif

.update
    .reg v = r1
    .reg u = r2
    .reg i = r3
    .reg t = r4
    .reg bias = r5
    .reg s = r6
    .reg h = r7
    .reg a = r8
    .reg b = r9
    .reg c = r10
    .reg d = r11
    .reg wait = r12
    .reg fired = p1
.if WAIT
    lds     wait, wait
    cmp.gt  fired, wait, r0
    @fired addi wait, wait, -1
    @fired sts wait, wait
    @fired br done
.endif
    lds     v, v
    lds     u, u
    lda     i, 0
.if SYN
    lds     s, s
    mulq.rz s, s, FADE, 16
.endif
.if SYN == 1
    add.s32 s, s, i
.endif
.if SYN == 2
    lds     h, h
    mulq.rz h, h, FADE, 16
    add.s32 h, h, i
    add.s32 s, s, h
    sts     h, h
.endif
.if SYN
    sts     s, s
    add     i, s, r0
.endif
.if GAIN
    shl.s32 i, i, GAIN
.endif
.if BIAS
    lds     bias, bias
    add.s32 i, i, bias
.endif
.if STEPS == 0
    mulq.s32.rn t, v, K04, 12
    add.s32 t, t, K6
    mulq.s32.rn t, t, v, 24
    add.s32 t, t, K140
    sub.s32 t, t, u
    add.s32 v, t, i
.else
    mulq.s32.rn t, v, K04, 12
    add.s32 t, t, K5
    mulq.s32.rn t, t, v, 24
    add.s32 t, t, K140
    sub.s32 t, t, u
    add.s32 t, t, i
    sra.rn  t, t, 1
    add.s32 v, v, t
    mulq.s32.rn t, v, K04, 12
    add.s32 t, t, K5
    mulq.s32.rn t, t, v, 24
    add.s32 t, t, K140
    sub.s32 t, t, u
    add.s32 t, t, i
    sra.rn  t, t, 1
    add.s32 v, v, t
.endif
.if PARAMS
    lds     a, a
    lds     b, b
    lds     c, c
    lds     d, d
    mulq.s32.rn t, v, b, 20
    sub.s32 t, t, u
    mac.s32.rn u, t, a, 20
    cmp.ge  fired, v, PEAK
    @fired add v, c, r0
    @fired add.s32 u, u, d
.else
    mulq.s32.rn t, v, B, 20
    sub.s32 t, t, u
    mac.s32.rn u, t, A, 20
    cmp.ge  fired, v, PEAK
    @fired add v, r0, C
    @fired add.s32 u, u, D
.endif
    @fired spk
    sts     v, v
    sts     u, u
done:
    halt
.end

.on_spike
    ldy     r1, weight
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
