; alif: adaptive leaky integrate and fire; its spikes move the threshold, and the moved threshold is what a spike takes away
;
; law     eta' = sat24((eta * RHO >> 16, toward zero) + JUMP if it fired in the step before); eta = 1 is 2^22
;         theta = sat24(THETA + sat24(eta' * BETA >> 22, nearest))
;         v' = sat24((v * ALPHA >> 16, by ROUND) + i + bias - theta if it fired in the step before)
; input   q = input of the step, wrapped to 22 bits; SYN 0: i = q; SYN 1: u' = sat24((u * FADE >> 16, toward zero) + q), i = u';
;         SYN 2: h' as u' of SYN 1, u' = sat24((u * FADE >> 16, toward zero) + h'), i = u'
; fire    v' > theta, or v' >= theta with GE
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; IDLE    not allowed by the loader where a lane at rest would fire: THETA < 0, THETA = 0 with GE
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  B. Yin, F. Corradi, S. Bohte: Effective and efficient computation with multiple-timescale spiking recurrent neural
;         networks (2020): eta is the trace of the spikes, theta = b0 + beta eta
; counts  update 25 (10 when idle), on_spike 3
; cycles  update 42 … 114, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
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
.if SYN
.const FADE = q16(0.8)
.endif
.slot v 24
.slot eta 24
.slot spiked 2
.if BIAS
.slot bias 24
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
    .reg eta = r4
    .reg late = r5
    .reg any = r6
    .reg theta = r7
    .reg u = r8
    .reg h = r9
    .reg wait = r10
    .reg fired = p1
    .reg reset = p2
    lds     v, v
    lds     eta, eta
    lds     late, spiked
    lda     q, 0
.if BIAS
    lds     bias, bias
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
    or      any, any, eta
    or      any, any, late
.if BIAS
    or      any, any, bias
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
    cmp.ne  reset, late, r0
    mulq.rz eta, eta, RHO, 16
    @reset add.s24 eta, eta, JUMP
    mulq.s24.rn theta, eta, BETA, 22
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
    @reset sub q, q, theta
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
.if GE
    cmp.ge  fired, v, theta
.else
    cmp.gt  fired, v, theta
.endif
    li      late, 1
    @fired sel late, late, r0
    sts     late, spiked
    @fired spk
    sts     eta, eta
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
