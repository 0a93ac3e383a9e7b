; truenorth: the neuron of TrueNorth, deterministic part
;
; law     in this order, once a tick, in 32 bits with saturation; only the stored v saturates to 20 bits:
;         integrate  V = v + q, q = sum of the weights s0..s3 chosen by the kinds of the active axons
;         leak       V* = V + leak; EPSILON (leak reversal): V* = V + sgn(V) leak, and V* = 0 if it changed sign (no ringing)
;         spike      V* >= alpha: fires; v = reset_v (GAMMA 0), V* - alpha (GAMMA 1), V* (GAMMA 2)
;         floor      else V* < -beta: KAPPA 1: v = -beta; KAPPA 0: v = -reset_v (GAMMA 0), V* + beta (GAMMA 1), V* (GAMMA 2)
; source  Cassidy et al., IJCNN 2013 (eqs. of the deterministic modes); widths of Merolla et al., Science 2014, supplement
; counts  update 17 (every lane, every tick), on_spike 3

.option GAMMA    = 0 0..=2     ; reset: 0 to reset_v, 1 linear, 2 none
.option KAPPA    = 0 0..=1     ; below -beta: 0 reset, 1 saturate
.option EPSILON  = 0 0..=1     ; 1: the leak takes the sign of V

.accumulator 32 saturate
.slot v 20
.slot s0 9
.slot s1 9
.slot s2 9
.slot s3 9
.slot leak 9
.slot alpha 19 = 1
.slot beta 19
.slot reset_v 20

.update
    .reg v = r1
    .reg q = r2
    .reg leak = r3
    .reg leaked = r4
    .reg alpha = r5
    .reg beta = r6
    .reg floor = r7
    .reg reset = r8
    .reg fired = p1
    .reg below = p2
    lds     v, v
    lda     q, 0
    add.s32 v, v, q
    lds     leak, leak
.if EPSILON
    cmp.lt  p1, v, r0
    @p1 neg leak, leak
    cmp.eq  p2, v, r0
    @p2 li  leak, 0
    add.s32 leaked, v, leak
    xor     leak, leaked, v         ; negative where the sign changed
    cmp.lt  p3, leak, r0
    @p3 li  leaked, 0
    add     v, leaked, r0
.else
    add.s32 v, v, leak
.endif
    lds     alpha, alpha
    lds     beta, beta
    neg     floor, beta
    cmp.ge  fired, v, alpha
    cmp.lt  below, v, floor
    pand    below, below, !fired
.if GAMMA == 0
    lds     reset, reset_v
    @fired add v, reset, r0
.endif
.if GAMMA == 1
    @fired sub.s32 v, v, alpha
.endif
.if KAPPA
    @below add v, floor, r0
.else
.if GAMMA == 0
    @below neg v, reset
.endif
.if GAMMA == 1
    @below add.s32 v, v, beta
.endif
.endif
    @fired spk
    sts     v, v
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
