; resonate: resonate and fire, a damped rotation of a complex state
;
; law     re' = sat24((re * COS >> 15) - (im * SIN >> 15) + i), im' = sat24((re * SIN >> 15) + (im * COS >> 15)), each shift by ROUND;
;         i = q + bias, q = input of the step, wrapped to 22 bits; with INPUT 1 it is added to im' in place of re'
; fire    CROSS 0: im' > THETA; CROSS 1: im' > THETA, re >= 0 and re' < 0 (im is at its peak); CROSS 2: re' >= THETA, im < 0 and
;         im' >= 0 (re is at its peak)
; reset   re = RESET_RE, im = RESET_IM (RESET 1), or none (RESET 0)
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; IDLE    not allowed by the loader where a lane at rest would fire: CROSS 0 with THETA < 0
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  E. Izhikevich: Resonate-and-fire neurons (2001), CROSS 0 with RESET 1; CROSS 2 is the condition of Loihi 2's neuron
;         in Lava. COS and SIN are cosine and sine of the angle per step times the decay per step, at most 1 = 2^15
; counts  update 21 (8 when idle), on_spike 3
; cycles  update 33 … 99, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option CROSS    = 0 0..=2              ; when it fires, as above
.option RESET    = 1 0..=1              ; 1: to RESET_RE, RESET_IM
.option INPUT    = 0 0..=1              ; the input goes to 0: re, 1: im
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added to the input in every step
.option ROUND    = 0 0..=2              ; products are rounded toward zero, 1: down, 2: to nearest
.option WAIT     = 0 0..=1              ; 1: slot `wait` counts down the steps before the first that runs
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.accumulator 22 wrap
.const COS = q15(0.9)
.const SIN = q15(0.3)
.const THETA = 6400
.if RESET
.const RESET_RE = 0
.const RESET_IM = 6400
.endif
.slot re 24
.slot im 24
.if BIAS
.slot bias 24
.endif
.if WAIT
.slot wait 16
.endif

.update
    .reg re = r1
    .reg im = r2
    .reg i = r3
    .reg bias = r4
    .reg any = r5
    .reg x = r6
    .reg y = r7
    .reg t = r8
    .reg wait = r9
    .reg fired = p1
    .reg up = p2
    .reg down = p3
    lds     re, re
    lds     im, im
    lda     i, 0
.if BIAS
    lds     bias, bias
.endif
.if WAIT
    lds     wait, wait
.endif
.if IDLE
    or      any, i, re
    or      any, any, im
.if BIAS
    or      any, any, bias
.endif
.if WAIT
    or      any, any, wait
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if WAIT
    cmp.gt  fired, wait, r0
    @fired addi wait, wait, -1
    @fired sts wait, wait
    @fired br done
.endif
.if ROUND == 0
    mulq.rz x, re, COS, 15
    mulq.rz t, im, SIN, 15
    sub     x, x, t
    mulq.rz y, re, SIN, 15
    mulq.rz t, im, COS, 15
.endif
.if ROUND == 1
    mulq    x, re, COS, 15
    mulq    t, im, SIN, 15
    sub     x, x, t
    mulq    y, re, SIN, 15
    mulq    t, im, COS, 15
.endif
.if ROUND == 2
    mulq.rn x, re, COS, 15
    mulq.rn t, im, SIN, 15
    sub     x, x, t
    mulq.rn y, re, SIN, 15
    mulq.rn t, im, COS, 15
.endif
.if BIAS
    add     i, i, bias
.endif
.if INPUT
    add     y, y, t
    add.s24 y, y, i
    add.s24 x, x, r0
.else
    add.s24 x, x, i
    add.s24 y, y, t
.endif
.if CROSS == 0
    cmp.gt  fired, y, THETA
.endif
.if CROSS == 1
    cmp.gt  fired, y, THETA
    cmp.ge  up, re, r0
    cmp.lt  down, x, r0
    pand    fired, fired, up
    pand    fired, fired, down
.endif
.if CROSS == 2
    cmp.ge  fired, x, THETA
    cmp.lt  up, im, r0
    cmp.ge  down, y, r0
    pand    fired, fired, up
    pand    fired, fired, down
.endif
.if RESET
    @fired add x, r0, RESET_RE
    @fired add y, r0, RESET_IM
.endif
    @fired spk
    sts     x, re
    sts     y, im
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
