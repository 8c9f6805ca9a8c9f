class EvalNgrams: pass
