// Just what hooks.h asks of VTM's quantiser, made up for the tests.
#pragma once

class Quant {
  public:
    double getLambda() const { return lambda_; }
    void setLambda(double lambda) { lambda_ = lambda; }

  private:
    double lambda_ = 0;
};
