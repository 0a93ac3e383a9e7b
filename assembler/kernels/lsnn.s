; lsnn: adaptive leaky integrate and fire, reset by the resting threshold
;
; law     v' = sat24((v * ALPHA >> 16, by ROUND) + i + bias), with LATE less THETA if it fired in the step before
;         A = sat24(THETA + sat24(b * BETA >> 22, nearest)); b = 1 is 2^22
;         b' = sat24((b * RHO >> 16, toward zero) + JUMP if it fires); b' acts from the next step on
; input   q = input of the step, wrapped to 22 bits; SYN 0: i = q; SYN 1: u' = sat24((u * FADE >> 16, toward zero) + q), i = u';
;         SYN 2: h' as u' of SYN 1, u' = sat24((u * FADE >> 16, toward zero) + h'), i = u'
; fire    v' > A, or v' >= A with GE, unless refractory
; reset   v' = sat24(v' - THETA) in the step of the spike; with LATE in the next one, as stated above
; REFRACT while refractory > 0: it counts down and nothing fires, v and b go on; a spike sets it to REFRACTORY
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; IDLE    not allowed by the loader where a lane at rest would fire: THETA < 0, THETA = 0 with GE
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  G. Bellec et al.: Long short-term memory and learning-to-learn in networks of spiking neurons (NeurIPS 2018);
;         A solution to the learning dilemma for recurrent networks of spiking neurons (2020), whose reset is LATE
; counts  update 19 (8 when idle), on_spike 3
; cycles  update 33 … 90, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option LATE     = 0 0..=1              ; 1: the reset acts in the step after the spike
.option ROUND    = 0 0..=2              ; the decay of v is rounded toward zero, 1: down, 2: to nearest
.option SYN      = 0 0..=2              ; synapse: 0 delta, 1 exponential, 2 alpha
.option WAIT     = 0 0..=1              ; 1: slot `wait` counts down the steps before the first that runs
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.accumulator 22 wrap
.const ALPHA = q16(0.95)
.const RHO = q16(0.99)
.const JUMP = q22(0.01)
.const BETA = 11520
.const THETA = 6400
.if REFRACT
.const REFRACTORY = 1
.endif
.if SYN
.const FADE = q16(0.8)
.endif
.slot v 24
.slot b 24
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif
.if LATE
.slot spiked 2
.endif
.if SYN
.slot u 24
.endif
.if SYN == 2
.slot h 24
.endif
.if WAIT
.slot wait 16
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg b = r4
    .reg late = r5
    .reg any = r6
    .reg theta = r7
    .reg u = r8
    .reg h = r9
    .reg silent = r10
    .reg wait = r11
    .reg fired = p1
    .reg frozen = p2
    .reg reset = p3
    lds     v, v
    lds     b, b
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if REFRACT
    lds     silent, refractory
.endif
.if LATE
    lds     late, spiked
.endif
.if SYN
    lds     u, u
.endif
.if SYN == 2
    lds     h, h
.endif
.if WAIT
    lds     wait, wait
.endif
.if IDLE
    or      any, q, v
    or      any, any, b
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
.endif
.if LATE
    or      any, any, late
.endif
.if SYN
    or      any, any, u
.endif
.if SYN == 2
    or      any, any, h
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
    mulq.s24.rn theta, b, BETA, 22
    add.s24 theta, theta, THETA
.if SYN
    mulq.rz u, u, FADE, 16
.endif
.if SYN == 2
    mulq.rz h, h, FADE, 16
    add.s24 h, h, q
    add.s24 u, u, h
    sts     h, h
.endif
.if SYN == 1
    add.s24 u, u, q
.endif
.if SYN
    sts     u, u
    add     q, u, r0
.endif
.if BIAS
    add     q, q, bias
.endif
.if LATE
    cmp.ne  reset, late, r0
    @reset sub q, q, THETA
.endif
.if ROUND == 0
    mulq.rz v, v, ALPHA, 16
.endif
.if ROUND == 1
    mulq    v, v, ALPHA, 16
.endif
.if ROUND == 2
    mulq.rn v, v, ALPHA, 16
.endif
    add.s24 v, v, q
    mulq.rz b, b, RHO, 16
.if GE
    cmp.ge  fired, v, theta
.else
    cmp.gt  fired, v, theta
.endif
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    pand    fired, fired, !frozen
    @fired add silent, r0, REFRACTORY
    sts     silent, refractory
.endif
    @fired add.s24 b, b, JUMP
.if LATE
    li      late, 1
    @fired sel late, late, r0
    sts     late, spiked
.else
    @fired sub.s24 v, v, THETA
.endif
    @fired spk
    sts     b, b
    sts     v, v
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
